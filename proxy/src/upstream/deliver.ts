import type { ServerResponse } from 'node:http'
import { cut } from '../cut.ts'
import { VisitorStalled } from '../errors.ts'
import type { Exchange, Outgoing } from '../request.ts'
import type { Answer } from './answer.ts'
import { isEventStream } from './classes.ts'
import { reasonOf } from './failure.ts'
import { answerHeaders, firstValue, isBodyless, trailerFields } from './headers.ts'
import { createTimer, type Timer } from './timer.ts'

/** How long a visitor may take no byte of an answer that is there. */
const VISITOR_SEND_MS = 30_000
const EMPTY = Buffer.alloc(0)

/**
 * The stage `deliver` for an answer of the upstream: sends it as it comes, at the visitor's pace.
 * An answer that the upstream cut is cut for the visitor too, over either protocol: it never looks whole.
 * @param common flat list of headers that every answer carries.
 */
export function deliver(exchange: Exchange, answer: Answer, common: readonly string[]): void {
  const { head, response } = exchange
  const shape = { version: head.version, method: head.method, status: answer.head.status }
  const own = [...common, 'Blot-Upstream', answer.head.target.address]
  writeHead(response, answer, answerHeaders(answer.head.headers, shape, own))
  if (isBodyless(shape)) {
    answer.discard()
    response.end()
    return
  }
  if (answer.isWhole && answer.trailers.length === 0) {
    sendWhole(exchange, answer)
    return
  }
  if (isEventStream(firstValue(answer.head.headers, 'content-type'))) {
    exchange.lasting = { kind: 'streams', end: () => endEvents(exchange, answer) }
  }
  send(exchange, answer)
  if ('stream' in response) return
  // HTTP/1.1: head and first bytes leave in one packet where both are there; a stream that is silent shows its head now.
  setImmediate(() => {
    if (exchange.bytes === 0 && !response.writableEnded) response.flushHeaders()
  })
}

/** As if the app had ended it: who follows events asks for them again, and drops one that is not whole. */
function endEvents({ response }: Exchange, answer: Answer): void {
  answer.destroy()
  response.end()
}

/** Of a short answer, all is here before its head is sent: both leave at once, and the stream has nothing to do. */
function sendWhole(exchange: Exchange, answer: Answer): void {
  const response = exchange.response as ServerResponse
  const body: Buffer = answer.read() ?? EMPTY
  exchange.bytes += body.length
  response.end(body)
  // Most are with the kernel by now, and need no timer.
  if (response.writableLength === 0) return
  const patience = limitPatience(exchange, answer)
  patience.set(VISITOR_SEND_MS)
  response.once('close', () => patience.stop())
}

/** For a visitor who does not take what is there for him. */
function limitPatience(exchange: Exchange, answer: Answer): Timer {
  return createTimer(() => {
    exchange.reason = reasonOf(new VisitorStalled())
    answer.destroy()
    cut(exchange.response)
  })
}

function send(exchange: Exchange, answer: Answer): void {
  // Node's compatibility API: the same calls in either protocol.
  const response = exchange.response as ServerResponse
  const patience = limitPatience(exchange, answer)
  answer.on('data', (chunk: Buffer) => {
    exchange.bytes += chunk.length
    if (response.write(chunk)) return
    answer.pause()
    patience.set(VISITOR_SEND_MS)
  })
  response.on('drain', () => {
    patience.stop()
    answer.resume()
  })
  answer.once('end', () => {
    if (answer.trailers.length > 0) response.addTrailers(trailerFields(answer.trailers))
    response.end()
    patience.set(VISITOR_SEND_MS)
  })
  answer.once('error', (error) => {
    exchange.reason ??= reasonOf(error)
    cut(response)
  })
  response.once('finish', () => patience.stop())
  response.once('close', () => {
    patience.stop()
    answer.destroy()
  })
}

function writeHead(response: Outgoing, { head }: Answer, headers: string[]): void {
  if ('stream' in response) response.writeHead(head.status, headers)
  // What is no visible ASCII cannot be told apart from an attack; Node has a phrase of its own.
  else if (/^[\t -~]+$/.test(head.reasonPhrase)) response.writeHead(head.status, head.reasonPhrase, headers)
  else response.writeHead(head.status, headers)
}
