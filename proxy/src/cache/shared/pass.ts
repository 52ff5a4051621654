import type { RequestHead } from '../../request.ts'
import type { AnswerTier } from '../answers.ts'
import type { UpstreamAnswerHead } from '../contracts.ts'
import { endToEnd } from '../rules/fields.ts'
import { invalidatedBy } from '../rules/invalidation.ts'
import { readHead } from '../rules/stored-head.ts'
import { answerKeyOf } from '../stored-answer.ts'
import { describesSame, mergeFields } from '../rules/validation.ts'

export type PassOptions = {
  readonly answers: AnswerTier
  /** Nothing that is stored under these keys may be used any more. */
  readonly invalidate: (keys: readonly string[]) => void
  readonly now: () => number
}

/** What an answer that only passes by means for what is stored. */
export function learnFrom(head: RequestHead, { status, headers }: UpstreamAnswerHead, options: PassOptions): void {
  if (!head.site.cacheable) return
  if (head.method === 'HEAD') {
    if (status === 200) updateByHead(head, endToEnd(headers), options)
    return
  }
  const targets = invalidatedBy(head, status, headers)
  if (targets.length > 0) options.invalidate(targets.map((target) => answerKeyOf({ ...head, target })))
}

/** RFC 9111 4.3.5. */
function updateByHead(head: RequestHead, fields: string[], { answers, now }: PassOptions): void {
  const found = answers.find(head)
  if (found === undefined) return
  const { stored } = found
  const size = found.kind === 'kept' ? found.kept.body.length : found.size
  if (stored.head.status !== 200 || !describesSame(stored.head.fields, fields, size)) {
    answers.release(found)
    answers.expire(found)
    return
  }
  const times = { requestedMs: now(), receivedMs: now() }
  const merged = readHead({ status: 200, fields: mergeFields(stored.head.fields, fields), ...times }, stored.head)
  answers.refresh(found, merged, stored.since)
}
