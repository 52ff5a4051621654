import { closeSync } from 'node:fs'
import type { Carrier, Exchange, Outgoing, ReadyAnswer } from '../request.ts'
import { createBuffers, type Buffers } from './buffers.ts'
import { answerFor } from './answer.ts'
import type { Found, OpenBody, ReadyBody, ReadyFound } from './found.ts'
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
type CommonFields<By = Exchange> = (carrier: By) => FieldList

/**
 * Composes the answer to a GET or HEAD, conditions and ranges included.
 * @returns undefined for a file, which is closed.
 */
export type Compose = <By extends Carrier>(
  carrier: By,
  found: Found,
  common: CommonFields<By>,
) => ReadyAnswer | undefined

/** @param now wall clock, ms since the epoch. */
export function createCompose(now: () => number = Date.now): Compose {
  return (carrier, found, common) => {
    if (found.kind !== 'open') return compose(carrier, found, common, now())
    closeSync(found.descriptor)
    return undefined
  }
}

/** @param now wall clock, ms since the epoch. */
export function createDeliver(now: () => number = Date.now): Deliver {
  const buffers = createBuffers(CHUNK_BYTES, KEPT_BUFFERS)
  return (exchange, found, common) => {
    exchange.cache ??= 'HIT'
    if (found.kind === 'open') return deliverFile(exchange, found, common, { buffers, nowMs: now() })
    const { status, fields, common: others, body } = compose(exchange, found, common, now())
    sendHead(exchange.response, status, fields.concat(others))
    if (body !== undefined) {
      exchange.bytes += body.length
      exchange.response.end(body)
    } else exchange.response.end()
    return undefined
  }
}

function compose<By extends Carrier>(
  carrier: By,
  found: ReadyFound,
  common: CommonFields<By>,
  nowMs: number,
): ReadyAnswer {
  if (found.kind === 'redirect') return { ...found.answer, common: common(carrier), body: undefined }
  const { head } = carrier
  const answer = answerFor(head, found.representation, nowMs)
  const { status, fields, parts } = answer
  const aged = found.stored === undefined ? undefined : ageFields(carrier, found.stored, nowMs)
  const hasBody = head.method !== 'HEAD' && parts.length > 0
  const others = common(carrier)
  return {
    status,
    fields,
    common: aged === undefined ? others : others.concat(aged),
    body: hasBody ? bodyOf(answer, found) : undefined,
  }
}

type Tools = { readonly buffers: Buffers; readonly nowMs: number }

function deliverFile(exchange: Exchange, found: OpenBody, common: CommonFields, tools: Tools): Promise<void> | void {
  const { head, response } = exchange
  let streams = false
  try {
    const { status, fields, parts } = answerFor(head, found.representation, tools.nowMs)
    const aged = found.stored === undefined ? [] : ageFields(exchange, found.stored, tools.nowMs)
    sendHead(response, status, fields.concat(common(exchange), aged))
    if (head.method === 'HEAD' || parts.length === 0) response.end()
    else {
      streams = true
      return sendFile(exchange, found.descriptor, parts, tools.buffers)
    }
  } finally {
    if (!streams) closeSync(found.descriptor)
  }
  return undefined
}

/** RFC 9111 5.1. And `Cache-Status` tells what is left of its time. */
function ageFields(carrier: Carrier, stored: StoredHead, nowMs: number): FieldList {
  const ageS = Math.floor(ageAt(stored, nowMs))
  carrier.cacheStatus = statusOfStored(carrier, Math.floor(stored.lifetimeS) - ageS)
  return ['Age', String(ageS)]
}

function sendHead(response: Outgoing, status: number, all: string[]): void {
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
