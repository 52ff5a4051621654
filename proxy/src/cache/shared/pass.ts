import type { RequestHead } from '../../request.ts'
import type { AnswerTier } from '../answers.ts'
import type { UpstreamAnswerHead } from '../contracts.ts'
import { endToEnd } from '../rules/fields.ts'
import { invalidatedBy } from '../rules/invalidation.ts'
import { readRequest } from '../rules/request-rules.ts'
import { readHead } from '../rules/stored-head.ts'
import { storedFields, whyNotKept } from '../rules/storable.ts'
import { describesSame, mergeFields } from '../rules/validation.ts'
import { answerKeyOf } from '../stored-answer.ts'

export type PassOptions = {
  readonly answers: AnswerTier
  /** Nothing that is stored under these keys may be used any more. */
  readonly invalidate: (keys: readonly string[]) => void
  readonly now: () => number
}

/** What an answer that only passes by ends of what is stored (RFC 9111 4.4). */
export function invalidateBy(head: RequestHead, { status, headers }: UpstreamAnswerHead, options: PassOptions): void {
  if (!head.site.cacheable) return
  const targets = invalidatedBy(head, status, headers)
  if (targets.length > 0) options.invalidate(targets.map((target) => answerKeyOf({ ...head, target })))
}

/**
 * What the answer to a HEAD says of what is stored (RFC 9111 4.3.5), as far as it is for everybody: a visitor's own answer says nothing
 * to others.
 * @param head of a request that says everything by its key.
 */
export function updateByHead(
  head: RequestHead,
  { status, headers }: UpstreamAnswerHead,
  { answers, now }: PassOptions,
): void {
  const rules = readRequest(head.headers)
  if (status !== 200 || rules.noStore || rules.hasAuthorization) return
  const found = answers.find(head)
  if (found === undefined) return
  const { stored } = found
  const fields = endToEnd(headers)
  const size = found.kind === 'kept' ? found.kept.body.length : found.size
  const times = { requestedMs: now(), receivedMs: now() }
  const merged = readHead({ status: 200, fields: mergeFields(stored.head.fields, fields), ...times }, stored.head)
  const isAboutIt = stored.head.status === 200 && describesSame(stored.head.fields, fields, size)
  if (isAboutIt && whyNotKept(rules, merged, stored.vary) === undefined) {
    answers.refresh(found, { ...merged, fields: storedFields(merged) }, stored.since)
    return
  }
  answers.release(found)
  answers.expire(found)
}
