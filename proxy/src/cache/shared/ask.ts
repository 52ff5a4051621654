import { CacheUnconfirmed } from '../../errors.ts'
import type { Exchange, RequestHead } from '../../request.ts'
import type { AnswerTier } from '../answers.ts'
import type { AskApp, UpstreamAnswer } from '../contracts.ts'
import { hasPageName } from '../key.ts'
import type { Reason } from '../reasons.ts'
import type { AnswerHead } from '../rules/answer-head.ts'
import { isUnqualified } from '../rules/directives.ts'
import { endToEnd, linesOf, withoutFields } from '../rules/fields.ts'
import { readAsker, readRequest } from '../rules/request-rules.ts'
import { mayStandIn } from '../rules/reuse.ts'
import { storedFields, whyNotKept, whyNotStored } from '../rules/storable.ts'
import { TROUBLE } from '../rules/statuses.ts'
import { readHead, type StoredHead } from '../rules/stored-head.ts'
import { CONDITIONAL, confirms, mergeFields, validatorsFor } from '../rules/validation.ts'
import { varyOf } from '../rules/vary.ts'
import { answerKeyOf, describeStored, type StoredAnswer } from '../stored-answer.ts'
import type { Decisions } from './decisions.ts'
import { createBudget, createFill } from './fill.ts'
import type { Landing } from './flight.ts'
import type { Moment, Validity } from './validity.ts'

export type AskOptions = {
  readonly app: AskApp
  readonly answers: AnswerTier
  readonly validity: Validity
  readonly decisions: Decisions
  /** The app writes page files: what qualifies for one is the app's to keep. */
  readonly pageFiles: boolean
  /** Is an answer kept that says nothing of its freshness? */
  readonly untilPurged: (head: RequestHead) => boolean
  /** Larger bodies are not stored. */
  readonly maxBodyBytes: number
  readonly now: () => number
}

export type Asking = {
  /** In whose name the app is asked. */
  readonly head: RequestHead
  readonly visitor: Exchange | undefined
  /** What is there, and is to be confirmed. */
  readonly stored: StoredAnswer | undefined
  readonly since: Moment
  readonly signal: AbortSignal
}

export type Ask = (asking: Asking) => Promise<Landing>

/** Bodies that are held while they arrive, in one worker. */
const ARRIVING_BYTES = 128 * 1024 * 1024

/** Asks the app once for many, and stores what may be stored. */
export function createAsk(options: AskOptions): Ask {
  const { app, answers, validity, decisions, now } = options
  const budget = createBudget(ARRIVING_BYTES)

  async function ask(asking: Asking): Promise<Landing> {
    const { head, stored, visitor, signal } = asking
    const requestedMs = now()
    const stale = (): Landing | undefined => {
      const mayStand =
        stored && mayStandIn({ ...stored.head, isStale: stored.isStale }, readRequest(head.headers), now())
      return mayStand === true ? { kind: 'stale', stored } : undefined
    }
    // Whoever can be shown what is stored does not wait for an app that is away, and nobody waits for a revalidation.
    const mayWait = visitor !== undefined && stale() === undefined
    const question = { head: questionFor(head, stored), signal, visitor, mayWait }
    const asked = await app.detached(question).catch((error: unknown) => {
      const landing = signal.aborted ? undefined : stale()
      if (landing !== undefined) return landing
      throw mustConfirm(stored) && !signal.aborted ? new CacheUnconfirmed({ cause: error }) : error
    })
    if ('kind' in asked) return asked
    const { status, headers } = asked.head
    const instead = TROUBLE.has(status) ? stale() : undefined
    if (instead !== undefined) {
      asked.discard()
      return instead
    }
    const answer: AnswerHead = { status, fields: endToEnd(headers), requestedMs, receivedMs: now() }
    if (status === 304 && stored !== undefined) {
      asked.discard()
      // One that speaks of something else: then of what, is to be seen.
      return confirm(asking, stored, answer) ?? ask({ ...asking, stored: undefined })
    }
    return share(asking, asked, answer)
  }

  /** RFC 9111 4.3.4. @returns undefined: what is stored may not be sent by this word of the app. */
  function confirm({ head, since }: Asking, stored: StoredAnswer, answer: AnswerHead): Landing | undefined {
    if (!confirms(stored.head.fields, answer.fields)) return undefined
    const found = answers.find(head)
    if (found === undefined) return undefined
    const fields = mergeFields(stored.head.fields, answer.fields)
    const merged = readHead({ ...answer, status: stored.head.status, fields }, stored.head)
    const isSame = found.stored.head.receivedMs === stored.head.receivedMs && validity.holds(stored.names, since)
    if (!isSame || whyNotKept(readRequest(head.headers), merged, stored.vary) !== undefined) {
      answers.release(found)
      return undefined
    }
    const refreshed = answers.refresh(found, { ...merged, fields: storedFields(merged) }, since.purges)
    return { kind: 'confirmed', stored: refreshed.stored }
  }

  function share({ head, since }: Asking, answer: UpstreamAnswer, received: AnswerHead): Landing {
    const { status } = received
    const stored = describe(head, received, since)
    const key = answerKeyOf(head)
    if (typeof stored === 'string') {
      decisions.answered(key, status, stored)
      // What was stored before is older than what the app says now.
      if (!TROUBLE.has(status)) answers.drop(key)
      return { kind: 'private', answer, why: stored }
    }
    const fill = createFill(answer, options.maxBodyBytes, budget)
    if (isPageFile(head, stored.head)) {
      decisions.answered(key, status, 'page file')
      return { kind: 'shared', stored, fill, why: 'page file' }
    }
    void fill.whole.then((body) => {
      const isLate = !validity.holds(stored.names, since)
      const why = typeof body === 'string' ? body : isLate ? 'purged meanwhile' : undefined
      decisions.answered(key, status, why)
      if (typeof body !== 'string' && !isLate) answers.put(stored, body)
    })
    return { kind: 'shared', stored, fill, why: undefined }
  }

  /** What may be stored of an answer; or why it may not. */
  function describe(head: RequestHead, received: AnswerHead, since: Moment): StoredAnswer | Reason {
    const untilPurged = options.untilPurged(head)
    const read = readHead(received, { untilPurged })
    const vary = varyOf(received.fields)
    const why = whyNotStored(head.method, readAsker(head.headers), read)
    if (why !== undefined) return why
    if (vary === '*') return 'vary *'
    if (Number(linesOf(received.fields, 'content-length')[0] ?? 0) > options.maxBodyBytes) return 'too large'
    const kept = { ...received, fields: storedFields(read) }
    return describeStored(head, kept, { vary, since: since.purges, untilPurged }) ?? 'too many tags'
  }

  /** One URL has one owner. What the app writes as a page: GET, 200, no `no-cache`, a name that a file can have. */
  function isPageFile({ site, target }: RequestHead, { status, directives }: StoredHead): boolean {
    if (!options.pageFiles || !site.pageFiles || status !== 200) return false
    return hasPageName(target) && !isUnqualified(directives, 'no-cache')
  }

  return ask
}

/** RFC 9111 5.2.2.2: an answer that must be confirmed, and cannot be, is a 504. */
function mustConfirm(stored: StoredAnswer | undefined): boolean {
  return stored !== undefined && stored.head.directives.has('must-revalidate')
}

/** Without what makes the visitor's request conditional, which is answered here; with what confirms the stored answer. */
function questionFor(head: RequestHead, stored: StoredAnswer | undefined): RequestHead {
  const fields = withoutFields(head.rawHeaders, (name) => CONDITIONAL.has(name))
  return { ...head, rawHeaders: stored === undefined ? fields : [...fields, ...validatorsFor(stored.head.fields)] }
}
