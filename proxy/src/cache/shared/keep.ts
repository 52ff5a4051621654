import type { RequestHead } from '../../request.ts'
import type { AnswerTier } from '../answers.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import { hasPageName } from '../key.ts'
import type { Reason } from '../reasons.ts'
import type { AnswerHead } from '../rules/answer-head.ts'
import { isUnqualified } from '../rules/directives.ts'
import { linesOf } from '../rules/fields.ts'
import { readAsker } from '../rules/request-rules.ts'
import { storedFields, whyNotStored } from '../rules/storable.ts'
import { readHead, type StoredHead } from '../rules/stored-head.ts'
import { varyOf } from '../rules/vary.ts'
import { describeStored, type StoredAnswer } from '../stored-answer.ts'
import type { Decisions } from './decisions.ts'
import { createBudget, createFill, type Fill } from './fill.ts'
import type { Landing } from './flight.ts'
import type { Moment, Validity } from './validity.ts'

export type KeepOptions = {
  readonly answers: AnswerTier
  readonly validity: Validity
  readonly decisions: Decisions
  /** The app writes page files: what qualifies for one is the app's to keep. */
  readonly pageFiles: boolean
  /** Is an answer kept that says nothing of its freshness? */
  readonly untilPurged: (head: RequestHead) => boolean
  /** Larger bodies are not stored. */
  readonly maxBodyBytes: number
}

/** Keeps answers of the app, as far as they may be kept. */
export type Keep = {
  /** What may be stored of an answer to such a GET; or why it may not. */
  describe(head: RequestHead, received: AnswerHead, since: Moment): StoredAnswer | Reason
  /** Begins to share its body. It is stored when it is whole, unless something has ended it since. */
  begin(stored: StoredAnswer, head: RequestHead, answer: UpstreamAnswer, since: Moment): Shared
  /** Collects a body while it is sent, as far as there is room for it. */
  fill(answer: UpstreamAnswer): Fill
  /** Is this the app's to keep? */
  isPageFile(head: RequestHead, answer: StoredHead): boolean
}

export type Shared = Extract<Landing, { kind: 'shared' }>

/** Bodies that are held while they arrive, in one worker, beyond the first megabyte of each. */
const ARRIVING_BYTES = 128 * 1024 * 1024

export function createKeep(options: KeepOptions): Keep {
  const { answers, validity, decisions, maxBodyBytes } = options
  const budget = createBudget(ARRIVING_BYTES)

  /** One URL has one owner. What the app writes as a page: GET, 200, no `no-cache`, a name that a file can have. */
  function isPageFile({ site, target }: RequestHead, { status, directives }: StoredHead): boolean {
    if (!options.pageFiles || !site.pageFiles || status !== 200) return false
    return hasPageName(target) && !isUnqualified(directives, 'no-cache')
  }

  const fillFrom = (answer: UpstreamAnswer): Fill => createFill(answer, maxBodyBytes, budget)

  return {
    fill: fillFrom,
    isPageFile,

    describe(head, received, since) {
      const untilPurged = options.untilPurged(head)
      const read = readHead(received, { untilPurged })
      const vary = varyOf(received.fields)
      const why = whyNotStored(head.method, readAsker(head.headers), read)
      if (why !== undefined) return why
      if (vary === '*') return 'vary *'
      if (Number(linesOf(received.fields, 'content-length')[0] ?? 0) > maxBodyBytes) return 'too large'
      const kept = { ...received, fields: storedFields(read) }
      return describeStored(head, kept, { vary, since: since.purges, untilPurged }) ?? 'too many tags'
    },

    begin(stored, head, answer, since) {
      const fill = fillFrom(answer)
      const { status } = stored.head
      if (isPageFile(head, stored.head)) {
        decisions.answered(stored.key, status, 'page file')
        return { kind: 'shared', stored, fill, why: 'page file' }
      }
      void fill.whole.then((body) => {
        const isLate = !validity.holds(stored.names, since)
        const why = typeof body === 'string' ? body : isLate ? 'purged meanwhile' : undefined
        decisions.answered(stored.key, status, why)
        if (typeof body !== 'string' && !isLate) answers.put(stored, body)
      })
      return { kind: 'shared', stored, fill, why: undefined }
    },
  }
}
