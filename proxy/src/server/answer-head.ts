import { STATUS_CODES } from 'node:http'
import type { ReadyAnswer } from '../request.ts'

type Lines = { readonly text: string; readonly hasDate: boolean; readonly isSound: boolean }

/** RFC 9110 5.5, as bytes: what node:http refuses to send. */
const UNSOUND = /[^\t\x20-\x7e\x80-\xff]/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Of lists that are the same for every answer. */
const kept = new WeakMap<readonly string[], Lines>()
let dateS = 0
let date = ''

/**
 * The head of an answer of HTTP/1.1 on a connection that goes on, as node:http writes it (RFC 9112 2.1), a character for each byte.
 * @returns undefined where node:http would refuse to write it.
 */
export function renderAnswerHead({ status, fields, common }: ReadyAnswer, keepAlive: string): string | undefined {
  const own = linesOf(fields)
  const others = linesOf(common)
  if (!own.isSound || !others.isSound) return undefined
  const dated = own.hasDate || others.hasDate ? '' : dateLine()
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n${own.text}${others.text}${dated}${keepAlive}\r\n`
}

function linesOf(fields: readonly string[]): Lines {
  const known = kept.get(fields)
  if (known !== undefined) return known
  const lines = render(fields)
  if (Object.isFrozen(fields)) kept.set(fields, lines)
  return lines
}

function render(fields: readonly string[]): Lines {
  let text = ''
  let hasDate = false
  let isSound = true
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? ''
    const value = fields[i + 1] ?? ''
    isSound &&= NAME.test(name) && !UNSOUND.test(value)
    hasDate ||= name.length === 4 && name.toLowerCase() === 'date'
    text += `${name}: ${value}\r\n`
  }
  return { text, hasDate, isSound }
}

/** RFC 9110 6.6.1; made once a second. */
function dateLine(): string {
  const nowMs = Date.now()
  const nowS = Math.floor(nowMs / 1000)
  if (nowS !== dateS) {
    dateS = nowS
    date = `Date: ${new Date(nowMs).toUTCString()}\r\n`
  }
  return date
}
