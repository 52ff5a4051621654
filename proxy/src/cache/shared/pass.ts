import type { Exchange, RequestHead } from '../../request.ts'
import type { AnswerTier } from '../answers.ts'
import type { AskApp, UpstreamAnswer, UpstreamAnswerHead } from '../contracts.ts'
import { endToEnd } from '../rules/fields.ts'
import { invalidatedBy } from '../rules/invalidation.ts'
import { representsTarget } from '../rules/represents.ts'
import { readAsker } from '../rules/request-rules.ts'
import { updatedFields, whyNotKept } from '../rules/storable.ts'
import { readHead } from '../rules/stored-head.ts'
import { describesSame, mergeFields } from '../rules/validation.ts'
import { answerKeyOf } from '../stored-answer.ts'
import type { Keep } from './keep.ts'
import { whyBypassed } from './request-form.ts'
import type { Moment, Validity } from './validity.ts'

export type PassOptions = {
  readonly app: AskApp
  readonly answers: AnswerTier
  readonly validity: Validity
  /** Nothing that is stored under these keys may be used any more. */
  readonly invalidate: (keys: readonly string[]) => void
  readonly now: () => number
}

/** Asks the app for one visitor alone. */
export type Pass = {
  any(exchange: Exchange): Promise<UpstreamAnswer>
  /** @param exchange of a request that says everything by its key. */
  head(exchange: Exchange): Promise<UpstreamAnswer>
  post(exchange: Exchange): Promise<UpstreamAnswer>
}

export function createPass(options: PassOptions, keep: Keep): Pass {
  const { app, validity, now } = options
  const begin = (): Began => ({ ...validity.now(), atMs: now() })

  return {
    async any(exchange) {
      const answer = await app(exchange)
      invalidateBy(exchange.head, answer.head, options)
      return answer
    },

    async head(exchange) {
      const began = begin()
      const answer = await app(exchange)
      updateByHead(exchange.head, answer.head, began, options)
      return answer
    },

    /** Its answer may be what a GET would get now (RFC 9110 9.3.3). */
    async post(exchange) {
      const { head } = exchange
      const began = begin()
      const answer = await app(exchange)
      const { status, headers } = answer.head
      const received = { status, fields: endToEnd(headers), requestedMs: began.atMs, receivedMs: now() }
      const isOvertaken = !validity.holds({ host: head.host, url: answerKeyOf(head), tags: [] }, began)
      invalidateBy(head, answer.head, options)
      const asGet = { ...head, method: 'GET' }
      if (isOvertaken || !representsTarget(head, received) || whyBypassed(asGet, false) !== undefined) return answer
      // Its own invalidation is not about what it brings.
      const since = { purges: began.purges, invalidations: validity.now().invalidations }
      const stored = keep.describe(asGet, received, since)
      if (typeof stored === 'string') return answer
      return keep.begin(stored, asGet, answer, since).fill.join() ?? answer
    },
  }
}

/** When the app was asked. */
type Began = Moment & { readonly atMs: number }

/** What an answer that only passes by ends of what is stored (RFC 9111 4.4). */
function invalidateBy(head: RequestHead, { status, headers }: UpstreamAnswerHead, options: PassOptions): void {
  if (!head.site.cacheable) return
  const targets = invalidatedBy(head, status, headers)
  if (targets.length > 0) options.invalidate(targets.map((target) => answerKeyOf({ ...head, target })))
}

/**
 * What the answer to a HEAD says of what is stored (RFC 9111 4.3.5), as far as it is for everybody: a visitor's own answer says nothing
 * to others.
 */
function updateByHead(
  head: RequestHead,
  { status, headers }: UpstreamAnswerHead,
  began: Began,
  { answers, validity, now }: PassOptions,
): void {
  const asker = readAsker(head.headers)
  if (status !== 200 || asker.noStore || asker.hasAuthorization) return
  const found = answers.find(head)
  if (found === undefined) return
  const { stored } = found
  // What has been asked for since, or was purged meanwhile, is not what it is about.
  if (stored.head.requestedMs > began.atMs || !validity.holds(stored.names, began)) {
    answers.release(found)
    return
  }
  const fields = endToEnd(headers)
  const size = found.kind === 'kept' ? found.kept.body.length : found.size
  const times = { requestedMs: began.atMs, receivedMs: now() }
  const merged = readHead({ status: 200, fields: mergeFields(stored.head.fields, fields), ...times }, stored.head)
  const isAboutIt = stored.head.status === 200 && describesSame(stored.head.fields, fields, size)
  if (isAboutIt && whyNotKept(asker, merged, stored.vary) === undefined) {
    const kept = updatedFields(stored.head.fields, fields, merged, asker)
    answers.refresh(found, { ...merged, fields: kept }, stored.since)
    return
  }
  answers.release(found)
  answers.expire(found)
}
