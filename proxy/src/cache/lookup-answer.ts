import type { RequestHead } from '../request.ts'
import type { AnswerTier } from './answers.ts'
import type { Found } from './found.ts'
import { isFresh } from './fresh.ts'
import type { FileTier } from './lookup.ts'
import { readRequest } from './rules/request-rules.ts'
import { judge } from './rules/reuse.ts'
import { allowsAuthorization } from './rules/storable.ts'
import type { StoredAnswer } from './stored-answer.ts'

/**
 * The stage `lookup`: memory, page files, disk, in this order; synchronous. Only what may be sent without asking the app.
 * @returns undefined: `fetch` goes on.
 */
export function createLookup(
  files: FileTier,
  answers: AnswerTier,
  now: () => number = Date.now,
): (head: RequestHead) => Found | undefined {
  function findAnswer(head: RequestHead): Found | undefined {
    if (!mayUseStored(head)) return undefined
    const found = answers.find(head)
    if (found === undefined) return undefined
    if (isUsable(found.stored, head, now())) return answers.deliverable(found, head)
    answers.release(found)
    return undefined
  }

  return (head) => {
    const inMemory = files.findInMemory(head)
    if (inMemory !== undefined) return inMemory
    const kept = answers.peek(head)
    const nowMs = now()
    if (kept === undefined || !isFresh(kept.filesCheckedAtMs, nowMs)) {
      const file = files.find(head)
      if (file !== undefined) return file
      if (kept !== undefined) kept.filesCheckedAtMs = nowMs
    }
    return findAnswer(head)
  }
}

/** Is this a request that what is stored may answer at all, if it is fresh? */
export function mayUseStored({ method, headers, site }: RequestHead): boolean {
  if ((method !== 'GET' && method !== 'HEAD') || !site.cacheable) return false
  // RFC 9111 4.3.2: for the origin to judge. And content may change what a GET is about.
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return false
  if (headers['content-length'] !== undefined && headers['content-length'] !== '0') return false
  return headers['transfer-encoding'] === undefined
}

/** May it be sent to this visitor as it is? */
export function isUsable(stored: StoredAnswer, { headers }: RequestHead, nowMs: number): boolean {
  const request = readRequest(headers)
  if (request.hasAuthorization && !allowsAuthorization(stored.head.directives)) return false
  return !stored.isStale && judge(stored.head, request, nowMs) === 'fresh'
}
