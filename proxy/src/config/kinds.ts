import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { normaliseName } from '../site/name.ts'
import { integer, matching } from './schema.ts'

/** A kind of value: its schema, how it is read from text, and how it is shown. */
export type Kind<Schema extends v.GenericSchema = v.GenericSchema> = {
  readonly schema: Schema
  /** What would be right, as a noun phrase: `a port, 0 to 65535`. */
  readonly right: string
  /**
   * Pure; relative paths start at `directory`. @returns a value that the schema still has to accept, undefined for text
   * that is no such value, or `Unfit` where more can be said than `right` does.
   */
  parse(text: string, directory: string): unknown
  show(value: NonNullable<v.InferOutput<Schema>>): string
}

/** The answer of `parse` to text that is wrong for a particular reason. */
export class Unfit {
  readonly right: string
  constructor(right: string) {
    this.right = right
  }
}

/** The same kind, for a variable that may stay unset. */
export function optional<Schema extends v.GenericSchema>(
  kind: Kind<Schema>,
): Kind<v.OptionalSchema<Schema, undefined>> {
  return { ...kind, schema: v.optional(kind.schema) }
}

export const boolean = {
  schema: v.boolean(),
  right: 'true or false (also 1, 0, yes, no)',
  parse(text: string) {
    if (/^(true|1|yes)$/i.test(text)) return true
    return /^(false|0|no)$/i.test(text) ? false : undefined
  },
  show: String,
}

/** A whole number; `noun` says of what: `milliseconds`. */
export function wholeNumber(noun: string, minimum: number, maximum: number) {
  return {
    schema: integer(minimum, maximum),
    right: `${noun}, ${minimum} to ${maximum}`,
    parse: parseDigits,
    show: String,
  }
}

export const port = wholeNumber('a port', 0, 65535)

const maximumWorkers = 256

export const workerCount = {
  schema: integer(1, maximumWorkers),
  right: `auto (one a core), or a number of processes, 1 to ${maximumWorkers}`,
  parse: (text: string) => (text === 'auto' ? Math.min(availableParallelism(), maximumWorkers) : parseDigits(text)),
  show: String,
}

/** Bytes; the units are powers of 1024, as NGINX has them. */
export const byteCount = {
  schema: integer(0, Number.MAX_SAFE_INTEGER),
  right: 'a size such as 64mb, 1.5gb or 1048576 (bytes)',
  parse(text: string) {
    const [, number, unit] = /^(\d{1,16}(?:\.\d{1,3})?) ?([kmgt]?)i?b?$/i.exec(text) ?? []
    if (number === undefined || unit === undefined) return undefined
    return Math.floor(Number(number) * 1024 ** ' kmgt'.indexOf(unit.toLowerCase() || ' '))
  },
  show: String,
}

/** One of some words. */
export function word<const Words extends readonly string[]>(known: Words): Kind<v.PicklistSchema<Words, undefined>> {
  return { schema: v.picklist(known), right: known.join(' or '), parse: (text: string) => text, show: String }
}

/** Some of some words, or none. */
export function words<const Words extends readonly string[]>(
  known: Words,
): Kind<v.ArraySchema<v.PicklistSchema<Words, undefined>, undefined>> {
  return {
    schema: v.array(v.picklist(known)),
    right: `some of ${known.join(', ')}, or nothing`,
    parse: (text: string) => text.split(/[\s,]+/).filter((item) => item !== ''),
    show: (value) => value.join(','),
  }
}

export const hostName = {
  schema: v.string(),
  right: 'a host name such as example.com, without scheme and port',
  parse: normaliseName,
  show: String,
}

/** An address to listen on. */
export const ipAddress = {
  schema: v.string(),
  right: 'an IP address of this machine: 127.0.0.1, 0.0.0.0, ::1, :: (without brackets)',
  parse: (text: string) => (isIP(text) === 0 ? undefined : text),
  show: String,
}

/** A file or folder. Whether it is there is asked by `verifyConfig`. */
export const path = {
  schema: v.string(),
  right: 'a path',
  parse: (text: string, directory: string) => (text.includes('\0') ? undefined : resolve(directory, text)),
  show: String,
}

/** A shared secret that has to fit into one header field (RFC 9110 5.5). */
export const token = {
  schema: matching(/^[!-~]{1,1024}$/),
  right: 'up to 1024 visible ASCII characters without spaces',
  parse: (text: string) => text,
  show: String,
}

/** The value of a header field (RFC 9110 5.5). */
export const fieldValue = {
  schema: matching(/^[!-~]([ -~]{0,1022}[!-~])?$/),
  right: 'the value of a header field: up to 1024 visible ASCII characters and spaces',
  parse: (text: string) => text,
  show: String,
}

/** First part of keys in the store. */
export const keyPrefix = {
  schema: matching(/^[!-~]{1,64}$/),
  right: 'up to 64 visible ASCII characters without spaces',
  parse: (text: string) => text,
  show: String,
}

const keyBytes = 32

/** A key for AES-256, as text: it goes from process to process. */
export const secretKey = {
  schema: v.string(),
  right: `${keyBytes} random bytes in base64, as openssl rand -base64 ${keyBytes} prints them`,
  parse(text: string) {
    const key = Buffer.from(text, 'base64')
    return key.length === keyBytes && key.toString('base64') === text ? text : undefined
  },
  show: String,
}

export const userName = {
  schema: matching(/^([a-z_][a-z0-9_.-]{0,31}|[1-9][0-9]{0,9})$/),
  right: 'the name or number of an unprivileged user',
  parse: (text: string) => (text === 'root' ? undefined : text),
  show: String,
}

function parseDigits(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
