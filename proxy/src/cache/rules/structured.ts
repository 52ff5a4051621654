/**
 * Structured dictionaries (RFC 9651 4.2.2), as far as targeted cache control needs their values (RFC 9213 2.1): every type is read,
 * so that a malformed field is told from a well-formed one; integers, strings and tokens give their text.
 */

const KEY = /[a-z*][a-z0-9_\-.*]*/y
const NUMBER = /-?(?:\d{1,12}\.\d{1,3}(?!\d)|\d{1,15}(?![\d.]))/y
const STRING = /"(?:[ !#-[\]-~]|\\["\\])*"/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y
const BYTES = /:[A-Za-z0-9+/]*={0,2}:/y
const BOOLEAN = /\?[01]/y
const DATE = /@-?\d{1,15}(?![\d.])/y
const DISPLAY = /%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/y
const SPACES = / */y
const SEPARATOR = /[ \t]*,[ \t]*/y

type Reader = { readonly text: string; position: number }

/**
 * @returns each key with its value: `true` for a bare key; text for a number or token; a string in its quotes, which tell that it is
 * no number; `''` for other types. A key that is false is left out. Undefined when the whole is malformed.
 */
export function parseDictionary(text: string): Map<string, string | true> | undefined {
  const reader: Reader = { text: text.trim(), position: 0 }
  const members = new Map<string, string | true>()
  while (reader.position < reader.text.length) {
    const key = take(reader, KEY)
    const value = key === undefined ? undefined : readMember(reader)
    if (key === undefined || value === undefined) return undefined
    // The last of several counts (RFC 9651 4.2.2).
    members.delete(key)
    if (value !== false) members.set(key, value)
    if (reader.position === reader.text.length) break
    if (take(reader, SEPARATOR) === undefined || reader.position === reader.text.length) return undefined
  }
  return members
}

function readMember(reader: Reader): string | boolean | undefined {
  let value: string | boolean | undefined = true
  if (skip(reader, '=')) value = skip(reader, '(') ? readInnerList(reader) : readBareItem(reader)
  return value !== undefined && readParameters(reader) ? value : undefined
}

function readInnerList(reader: Reader): '' | undefined {
  for (;;) {
    take(reader, SPACES)
    if (skip(reader, ')')) return ''
    if (readBareItem(reader) === undefined || !readParameters(reader)) return undefined
    if (![' ', ')'].includes(reader.text[reader.position] ?? '')) return undefined
  }
}

function readParameters(reader: Reader): boolean {
  while (skip(reader, ';')) {
    take(reader, SPACES)
    if (take(reader, KEY) === undefined) return false
    if (skip(reader, '=') && readBareItem(reader) === undefined) return false
  }
  return true
}

function readBareItem(reader: Reader): string | boolean | undefined {
  const boolean = take(reader, BOOLEAN)
  if (boolean !== undefined) return boolean === '?1'
  const word = take(reader, STRING) ?? take(reader, NUMBER) ?? take(reader, TOKEN)
  if (word !== undefined) return word
  const other = take(reader, BYTES) ?? take(reader, DATE) ?? take(reader, DISPLAY)
  return other === undefined ? undefined : ''
}

function take(reader: Reader, pattern: RegExp): string | undefined {
  pattern.lastIndex = reader.position
  const found = pattern.exec(reader.text)?.[0]
  if (found !== undefined) reader.position += found.length
  return found
}

function skip(reader: Reader, character: string): boolean {
  if (reader.text[reader.position] !== character) return false
  reader.position++
  return true
}
