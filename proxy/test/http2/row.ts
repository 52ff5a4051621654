import { FLAG, frame, hpack, TYPE, uint32, type ErrorName, type Field } from './frames.ts'
import type { Wire } from './wire.ts'

/** What may come of a row: see `Wire.outcome`. */
export type Outcome = `connection ${ErrorName}` | `stream ${ErrorName}` | `${number}` | 'closed'

/** One rule: what is sent after the exchange of SETTINGS, and what the edge owes. */
export type Row = {
  /** Begins with the section of RFC 9113 (or of RFC 7541, where it says so). */
  readonly rule: string
  readonly send: readonly Buffer[] | ((wire: Wire) => Promise<void>)
  readonly expect: Outcome
  /** The stream that is meant; all of them when it is left out. */
  readonly stream?: number
  /** A known fault of Node: what comes instead. */
  readonly node?: Outcome
}

export const HOST = 'app.localhost'

export type RequestOptions = {
  method?: string
  path?: string
  extra?: readonly Field[]
  /** Instead of the four pseudo-header fields. */
  pseudo?: readonly Field[]
  /** END_STREAM and END_HEADERS by default. */
  flags?: number
}

export const OPEN = FLAG.END_HEADERS
export const WHOLE = FLAG.END_HEADERS | FLAG.END_STREAM

export function pseudoFields(method = 'GET', path = '/'): Field[] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':path', path],
    [':authority', HOST],
  ]
}

export function block({ method, path, extra = [], pseudo }: RequestOptions = {}): Buffer {
  return hpack([...(pseudo ?? pseudoFields(method, path)), ...extra])
}

/** One HEADERS frame: a whole GET of `/` unless told otherwise. */
export function request(stream: number, options: RequestOptions = {}): Buffer {
  return frame(TYPE.HEADERS, options.flags ?? WHOLE, stream, block(options))
}

/** The head of a request whose body follows. */
export function post(stream: number, options: RequestOptions = {}): Buffer {
  return request(stream, { method: 'POST', path: '/echo', flags: OPEN, ...options })
}

export function data(stream: number, body: string | Buffer, flags: number = FLAG.END_STREAM): Buffer {
  return frame(TYPE.DATA, flags, stream, Buffer.from(body))
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  return frame(TYPE.SETTINGS, FLAG.NONE, 0, settingsPayload(...pairs))
}

export function settingsPayload(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat(pairs.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)])))
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(TYPE.WINDOW_UPDATE, FLAG.NONE, stream, uint32(increment))
}

export function reset(stream: number): Buffer {
  // CANCEL
  return frame(TYPE.RST_STREAM, FLAG.NONE, stream, uint32(8))
}

/** RFC 9113 6.3: no dependency, weight 1. */
export function priority(stream: number, dependency = 0): Buffer {
  return frame(TYPE.PRIORITY, FLAG.NONE, stream, Buffer.concat([uint32(dependency), Buffer.from([0])]))
}

export function ping(text = 'pingpong'): Buffer {
  return frame(TYPE.PING, FLAG.NONE, 0, Buffer.from(text))
}

export function goaway(lastStream = 0): Buffer {
  return frame(TYPE.GOAWAY, FLAG.NONE, 0, uint32(lastStream, 0))
}

/** Resolves when everything sent so far was read. @param text eight characters. */
export async function settled(wire: Wire, text: string): Promise<void> {
  wire.send(ping(text))
  await wire.find(
    ({ type, flags, payload }) => type === TYPE.PING && flags === FLAG.ACK && payload.equals(Buffer.from(text)),
  )
}

/** Resolves when the edge has ended a stream. */
export async function over(wire: Wire, stream: number): Promise<void> {
  await wire.outcome(stream)
}
