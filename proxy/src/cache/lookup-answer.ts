import type { RequestHead } from '../request.ts'
import type { AnswerTier } from './answers.ts'
import type { Found } from './found.ts'
import { isFresh } from './fresh.ts'
import type { KeptAnswer } from './kept-answer.ts'
import type { FileTier } from './lookup.ts'
import { readRequest } from './rules/request-rules.ts'
import { judge } from './rules/reuse.ts'
import { allowsAuthorization } from './rules/storable.ts'
import type { StoredAnswer } from './stored-answer.ts'

/** Synchronous. Only what may be sent without asking the app; undefined: `fetch` goes on. */
export type Lookup = {
  /** The stage `lookup`: memory, page files, disk, in this order. */
  lookup(head: RequestHead): Found | undefined
  /** The same for what memory knows: whoever only asks whether it is there looks at no file in vain. */
  lookupKept(head: RequestHead): Found | undefined
}

export function createLookup(files: FileTier, answers: AnswerTier, now: () => number = Date.now): Lookup {
  function findAnswer(head: RequestHead): Found | undefined {
    if (!mayUseStored(head)) return undefined
    const found = answers.find(head)
    if (found === undefined) return undefined
    if (isUsable(found.stored, head, now())) return answers.deliverable(found, head)
    answers.release(found)
    return undefined
  }

  /** @param kept what is stored in memory. */
  function lookBehind(head: RequestHead, kept: KeptAnswer | undefined): Found | undefined {
    const nowMs = now()
    if (kept === undefined || !isFresh(kept.filesCheckedAtMs, nowMs)) {
      const file = files.find(head)
      if (file !== undefined) return file
      if (kept !== undefined) kept.filesCheckedAtMs = nowMs
    }
    return findAnswer(head)
  }

  return {
    lookup: (head) => files.findInMemory(head) ?? lookBehind(head, answers.peek(head)),
    lookupKept(head) {
      const inMemory = files.findInMemory(head)
      if (inMemory !== undefined) return inMemory
      const kept = answers.peek(head)
      return kept !== undefined || files.knows(head) ? lookBehind(head, kept) : undefined
    },
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
