import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import { METHODS } from 'node:http'
import { callbackify } from 'node:util'
import { UpstreamUnavailable, VisitorLeft } from '../errors.ts'
import { exchangeOf, type Exchange } from '../request.ts'
import type { Answer } from './answer.ts'
import { deliver } from './deliver.ts'
import { failureOf, failureOfAnswer, reasonOf, type Fail } from './failure.ts'
import { createFetch, type Fetch, type FetchOptions } from './fetch.ts'

export type UpstreamOptions = FetchOptions & {
  /** A flat list of headers that every answer gets. */
  readonly commonHeaders: (exchange: Exchange) => readonly string[]
  /** Answers with one of the edge's own pages. */
  readonly fail: Fail
  /** What stands between a visitor and the app, such as a cache. */
  readonly around?: (fetch: Fetch) => FetchOrAnswer
}

/** @returns undefined when the exchange has been answered already. */
export type FetchOrAnswer = (exchange: Exchange) => Promise<Answer | undefined>

/** Stands for a body where there is nothing left to send; of a visitor who has left, the plugin destroys it. */
type Answered = { destroy(): void }
const ANSWERED: Answered = Object.freeze({ destroy() {} })

type Dispatch = Extract<NonNullable<FastifyHttpProxyOptions['undici']>, { request: unknown }>
type DispatchCallback = (
  error: Error | null,
  answer?: { statusCode: number; headers: object; body: Answer | Answered },
) => void

/** The exchange travels with the headers that the plugin copies for its dispatcher: a symbol is no header. */
const exchangeKey = Symbol('exchange')
type Carrier = { [exchangeKey]?: Exchange }

/**
 * Puts the one route into the Fastify app by which everything that is not here reaches an upstream. Each request must have
 * its exchange bound. @fastify/http-proxy is the seam: it calls `fetch` as its dispatcher, and `deliver` or `fail` with the
 * outcome. Method, target, headers and body come from the exchange, untouched by Fastify.
 */
export function registerUpstream(app: FastifyInstance, options: UpstreamOptions): void {
  const asIs = createFetch(options)
  const fetch = options.around?.(asIs) ?? asIs
  // Of a method that has no body for Fastify, it reads none and judges no Content-Type.
  const methods = METHODS.filter((method) => method !== 'CONNECT')
  for (const method of methods) app.addHttpMethod(method, { overrideExisting: true })
  app.register(httpProxy, {
    upstream: 'http://upstream.invalid',
    routes: ['/'],
    httpMethods: methods,
    proxyPayloads: false,
    disableRequestLogging: true,
    undici: createDispatcher(fetch),
    replyOptions: {
      rewriteRequestHeaders: (request) => ({ [exchangeKey]: exchangeOf(request.raw) }),
      retryDelay: () => null,
      onResponse(request, reply, { stream }) {
        reply.hijack()
        const answer = stream as unknown as Answer | Answered
        if (answer !== ANSWERED) settle(exchangeOf(request.raw), answer as Answer, options)
      },
      onError(reply, { error }) {
        reply.hijack()
        giveUp(exchangeOf(reply.request.raw), error.cause ?? error, options)
      },
    },
  })
}

/** What the plugin takes for undici. */
function createDispatcher(fetch: FetchOrAnswer): Dispatch {
  const ask = callbackify<Exchange, Answer | undefined>(fetch)
  function request({ headers }: { headers: Carrier }, callback: DispatchCallback): void {
    const exchange = headers[exchangeKey]
    if (exchange === undefined) throw new TypeError('this request did not come through the stages')
    ask(exchange, (error, answer) => {
      // The answer brings its own head along; Fastify would refuse odd statuses and fold header lines.
      if (error === null) callback(null, { statusCode: 200, headers: {}, body: answer ?? ANSWERED })
      else callback(error)
    })
  }
  return { request } as unknown as Dispatch
}

/** Delivers an answer, or the page that stands in for it. */
export function settle(exchange: Exchange, answer: Answer, { commonHeaders, fail }: UpstreamOptions): void {
  if (answer.errored !== null) {
    giveUp(exchange, answer.errored, { fail })
    return
  }
  const failure = failureOfAnswer(answer.head)
  if (failure !== undefined) {
    answer.discard()
    fail(exchange, failure)
    return
  }
  try {
    deliver(exchange, answer, commonHeaders(exchange))
  } catch (error) {
    // A head that Node does not send over HTTP/2, such as a status beyond 599.
    answer.destroy()
    for (const name of exchange.response.getHeaderNames()) exchange.response.removeHeader(name)
    fail(exchange, failureOf(new UpstreamUnavailable({ cause: error })))
  }
}

/** Shows the page for an error; to a visitor who has left, nothing. */
export function giveUp(exchange: Exchange, error: unknown, { fail }: Pick<UpstreamOptions, 'fail'>): void {
  if (error instanceof VisitorLeft) exchange.reason = reasonOf(error)
  else fail(exchange, failureOf(error))
}
