import { hash } from 'node:crypto'
import { extname } from 'node:path'
import { contentType as typeOfExtension } from 'mime-types'
import type { Coding } from '../static/coding.ts'
import type { OpenFile } from '../static/open.ts'
import type { Validators } from './preconditions.ts'
import type { Span } from './ranges.ts'

/** Header fields as a flat list: name, value, name, value… */
export type FieldList = readonly string[]

/** An answer, but for its date and what every answer carries. The body is `parts`: spans of the file, and text between them. */
export type Answer = {
  readonly status: number
  readonly fields: FieldList
  readonly parts: readonly (Span | Buffer)[]
}

/** One file in one coding, with all that is said about it; made once, used for every answer. */
export type Representation = Validators & {
  /** Bytes. */
  readonly size: number
  /** Without one, parts are not sent. */
  readonly contentType: string | undefined
  /** `other`: a coding of the app's. */
  readonly coding: Coding | 'other' | undefined
  /** What a 304 says too (RFC 9110 15.4.5). */
  readonly shared: FieldList
  /** `shared` and the rest, without Content-Type and Content-Length. */
  readonly fields: FieldList
  /** The answer to a request without conditions and ranges; conditions are for one of status 200 alone (RFC 9110 13.2.1). */
  readonly whole: Answer
}

export type RepresentationDetails = {
  readonly contentType: string
  readonly coding: Coding | undefined
  /** There are copies in other codings. */
  readonly varies: boolean
  /** Cache-Control and what else the place demands. */
  readonly policy: FieldList
  /** The file has not changed for so long that its time of modification is final. */
  readonly settled: boolean
  readonly nowMs: number
}

export function describe(file: OpenFile, size: number, details: RepresentationDetails): Representation {
  const { settled, contentType, coding } = details
  const opaque = `"${hash('sha256', file.identity, 'base64url').slice(0, 20)}"`
  const tag = settled ? opaque : `W/${opaque}`
  // RFC 9110 8.8.2.1: never later than the answer's own date.
  const modifiedMs = settled ? Math.floor(Math.min(file.modifiedMs, details.nowMs) / 1000) * 1000 : undefined

  const shared = ['ETag', tag, ...details.policy]
  if (details.varies) shared.push('Vary', 'Accept-Encoding')
  Object.freeze(shared)
  const fields = [...shared, 'Accept-Ranges', 'bytes']
  if (modifiedMs !== undefined) fields.push('Last-Modified', new Date(modifiedMs).toUTCString())
  if (coding !== undefined) fields.push('Content-Encoding', coding)
  const whole: Answer = {
    status: 200,
    fields: Object.freeze([...fields, 'Content-Type', contentType, 'Content-Length', String(size)]),
    parts: size === 0 ? [] : [{ start: 0, end: size }],
  }
  return { tag, modifiedMs, size, contentType, coding, shared, fields, whole }
}

/** The media type that a file's name tells, with charset; undefined if it tells none. */
export function contentTypeOf(path: string): string | undefined {
  const extension = extname(path)
  if (extension === '') return undefined
  const type = typeOfExtension(extension)
  return type === false ? undefined : type
}
