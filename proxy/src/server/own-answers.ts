import { cut } from '../cut.ts'
import { codeOf } from '../errors.ts'
import type { Exchange } from '../request.ts'
import { OWN_STATUS, type CommonHeaders } from './common-headers.ts'
import type { Verdict } from './guard.ts'
import { synth, synthPage, type PageDetails } from './synth.ts'

export type AnswerRooms = {
  common: CommonHeaders
  /** Lets go of a request body, if there is one, that the answer does not wait for. */
  decline(exchange: Exchange): void
  /** Applies a purge that came over the plain listener, and answers it in text. */
  purge(target: string): Promise<{ status: number; body: string }>
  /** What a CA is to be told about this token; undefined for a stranger's. @param address of whoever asks. */
  challenge(token: string, address: string): Promise<string | undefined>
}

const UNSTORED = ['Cache-Control', 'no-store']

/** What the edge answers by itself: the side tracks `synth` and `fail`. */
export type OwnAnswers = {
  decide(exchange: Exchange, verdict: Verdict): void
  /** For a request that goes no further: whatever it carries is not read. */
  refuse(exchange: Exchange, details: PageDetails): void
  /** For an error that no stage foresaw. */
  apologise(exchange: Exchange, error: unknown): void
  /** At any point of an exchange. */
  fail(exchange: Exchange, details: PageDetails): void
}

export function createOwnAnswers({ common, decline, purge, challenge }: AnswerRooms): OwnAnswers {
  function fail(exchange: Exchange, details: PageDetails): void {
    synthPage(exchange, details, common(exchange))
  }

  function begin(exchange: Exchange): void {
    decline(exchange)
    exchange.cache = 'BYPASS'
    exchange.cacheStatus = OWN_STATUS
  }

  function refuse(exchange: Exchange, details: PageDetails): void {
    begin(exchange)
    fail(exchange, details)
  }

  function text(exchange: Exchange, status: number, body: string, headers: readonly string[] = []): void {
    const answer = { status, contentType: 'text/plain; charset=utf-8', body: Buffer.from(body), headers }
    synth(exchange, answer, common(exchange))
  }

  return {
    decide(exchange, verdict) {
      begin(exchange)
      switch (verdict.kind) {
        case 'page':
          fail(exchange, verdict)
          break
        case 'redirect': {
          const headers = ['Location', verdict.location, 'Cache-Control', 'no-store']
          const answer = { status: verdict.status, contentType: undefined, body: Buffer.alloc(0), headers }
          synth(exchange, answer, common(exchange))
          break
        }
        case 'text':
          text(exchange, verdict.status, verdict.body, verdict.headers)
          break
        case 'purge':
          purge(exchange.head.target).then(
            ({ status, body }) => text(exchange, status, body, UNSTORED),
            (error: unknown) => {
              exchange.reason = codeOf(error)
              text(exchange, 503, 'the purge did not reach every worker: try again\n', ['Retry-After', '1'])
            },
          )
          break
        case 'challenge':
          challenge(verdict.token, exchange.head.connection.address).then(
            (found) => text(exchange, found === undefined ? 404 : 200, found ?? 'no such challenge\n', UNSTORED),
            (error: unknown) => {
              exchange.reason = codeOf(error)
              text(exchange, 503, 'the challenge could not be looked up: try again\n', ['Retry-After', '1'])
            },
          )
          break
      }
    },

    refuse,

    apologise(exchange, error) {
      const { response } = exchange
      try {
        // What the stage had set, about an answer that does not come.
        for (const name of response.headersSent ? [] : response.getHeaderNames()) response.removeHeader(name)
        refuse(exchange, { status: 500, page: 'offline', reason: codeOf(error) })
      } catch {
        cut(response)
      }
    },

    fail,
  }
}
