import { closeSync } from 'node:fs'
import type { Exchange, Outgoing } from '../request.ts'
import { createBuffers, type Buffers } from './buffers.ts'
import { answerFor } from './answer.ts'
import type { Found, ReadyBody } from './found.ts'
import type { Answer, FieldList } from './representation.ts'
import { ageAt } from './rules/age.ts'
import type { StoredHead } from './rules/stored-head.ts'
import { statusOfStored } from './status.ts'
import { sendFile } from './stream.ts'

/** Bytes of one read. A transfer has one buffer: the next read waits until the last one has left. */
const CHUNK_BYTES = 256 * 1024
/** 4 MB for each worker. */
const KEPT_BUFFERS = 16

/**
 * Answers a GET or HEAD from what was found, conditions and ranges included.
 * @param common gives the flat list of fields that every answer carries.
 * @returns nothing for what is in memory: the answer is handed over at once. A promise for a file: it resolves when the last
 * byte is handed over or the visitor is gone, never rejects, and the descriptor is closed then.
 */
export type Deliver = (exchange: Exchange, found: Found, common: CommonFields) => Promise<void> | void
type CommonFields = (exchange: Exchange) => FieldList

/** @param now wall clock, ms since the epoch. */
export function createDeliver(now: () => number = Date.now): Deliver {
  const buffers = createBuffers(CHUNK_BYTES, KEPT_BUFFERS)
  return (exchange, found, common) => deliver(exchange, found, common, { buffers, now })
}

type Tools = { readonly buffers: Buffers; readonly now: () => number }

function deliver(
  exchange: Exchange,
  found: Found,
  common: CommonFields,
  { buffers, now }: Tools,
): Promise<void> | void {
  exchange.cache ??= 'HIT'
  const { head, response } = exchange
  if (found.kind === 'redirect') {
    sendHead(response, found.answer, common(exchange))
    response.end()
    return undefined
  }
  let streams = false
  try {
    const nowMs = now()
    const answer = answerFor(head, found.representation, nowMs)
    const aged = found.stored === undefined ? [] : ageFields(exchange, found.stored, nowMs)
    sendHead(response, answer, common(exchange).concat(aged))
    if (head.method === 'HEAD' || answer.parts.length === 0) response.end()
    else if (found.kind === 'ready') {
      const body = bodyOf(answer, found)
      exchange.bytes += body.length
      response.end(body)
    } else {
      streams = true
      return sendFile(exchange, found.descriptor, answer.parts, buffers)
    }
  } finally {
    if (found.kind === 'open' && !streams) closeSync(found.descriptor)
  }
  return undefined
}

/** RFC 9111 5.1. And `Cache-Status` tells what is left of its time. */
function ageFields(exchange: Exchange, stored: StoredHead, nowMs: number): FieldList {
  const ageS = Math.floor(ageAt(stored, nowMs))
  exchange.cacheStatus = statusOfStored(exchange, Math.floor(stored.lifetimeS) - ageS)
  return ['Age', String(ageS)]
}

function sendHead(response: Outgoing, { status, fields }: Answer, common: FieldList): void {
  const all = fields.concat(common)
  if (!('stream' in response)) {
    response.writeHead(status, all)
    return
  }
  // Node's compatibility API would take the list apart and put it together again, a quarter of the time of a hit.
  response.statusCode = status
  if (!response.stream.destroyed) response.stream.respond([':status', String(status), ...all])
}

function bodyOf({ status, parts }: Answer, { body, start = 0 }: ReadyBody): Buffer {
  if (status === 200) return body
  const pieces = parts.map((part) =>
    Buffer.isBuffer(part) ? part : body.subarray(part.start - start, part.end - start),
  )
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
}
