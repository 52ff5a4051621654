import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance } from 'fastify'
import { METHODS } from 'node:http'
import { UpstreamUnavailable, VisitorLeft } from '../errors.ts'
import { exchangeOf, type Exchange } from '../request.ts'
import type { Answer } from './answer.ts'
import { deliver } from './deliver.ts'
import { failureOf, failureOfAnswer, reasonOf, type Fail } from './failure.ts'
import { createFetch, type Fetch, type FetchOptions } from './fetch.ts'
import type { IsComposed } from './trouble.ts'

export type UpstreamOptions = FetchOptions & {
  /** A flat list of headers that every answer gets. */
  readonly commonHeaders: (exchange: Exchange) => readonly string[]
  /** Answers with one of the edge's own pages. */
  readonly fail: Fail
  /** Of what an app says when it is in trouble, what was composed passes. Nothing, by default. */
  readonly isComposed?: IsComposed
  /** What stands between a visitor and the app, such as a cache. */
  readonly around?: (fetch: Fetch) => FetchOrAnswer
}

/** @returns undefined when the exchange has been answered already. */
export type FetchOrAnswer = (exchange: Exchange) => Promise<Answer | undefined>

/**
 * Puts the one route into the Fastify app by which everything that is not here reaches an upstream. Each request must have
 * its exchange bound. @fastify/http-proxy is the seam: the route is its own, and its hook hands the request to this room.
 * Method, target, headers and body come from the exchange, untouched by Fastify.
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
    preHandler(request, reply) {
      // Answered from here on: the plugin's own handler would copy headers, and build URLs, that nobody reads.
      reply.hijack()
      const exchange = exchangeOf(request.raw)
      fetch(exchange).then(
        (answer) => {
          if (answer !== undefined) settle(exchange, answer, options)
        },
        (error: unknown) => giveUp(exchange, error, options),
      )
    },
  })
}

/** Delivers an answer, or the page that stands in for it. */
export function settle(exchange: Exchange, answer: Answer, options: UpstreamOptions): void {
  const { commonHeaders, fail, isComposed = () => false } = options
  if (answer.errored !== null) {
    giveUp(exchange, answer.errored, { fail })
    return
  }
  const failure = failureOfAnswer(answer.head, exchange.head, isComposed)
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
  if (error instanceof VisitorLeft) {
    exchange.reason = reasonOf(error)
    return
  }
  const failure = failureOf(error)
  // The app was not asked.
  if (failure.page === 'maintenance') {
    exchange.cache = 'BYPASS'
    exchange.cacheStatus = 'detail=maintenance'
  }
  fail(exchange, failure)
}
