import { CacheUnconfirmed } from '../../errors.ts'
import type { Exchange, RequestHead } from '../../request.ts'
import type { AskApp, UpstreamAnswer } from '../contracts.ts'
import type { AnswerHead } from '../rules/answer-head.ts'
import { endToEnd, withoutFields } from '../rules/fields.ts'
import { readAsker, readRequest } from '../rules/request-rules.ts'
import { mayStandIn } from '../rules/reuse.ts'
import { isAboutAsker, updatedFields, whyNotKept } from '../rules/storable.ts'
import { TROUBLE } from '../rules/statuses.ts'
import { readHead } from '../rules/stored-head.ts'
import { CONDITIONAL, confirms, mergeFields, validatorsFor } from '../rules/validation.ts'
import { answerKeyOf, type StoredAnswer } from '../stored-answer.ts'
import type { Landing } from './flight.ts'
import type { Keep, KeepOptions } from './keep.ts'
import type { Moment } from './validity.ts'

export type AskOptions = KeepOptions & {
  readonly app: AskApp
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

/** Asks the app once for many, and stores what may be stored. */
export function createAsk({ app, answers, validity, decisions, now }: AskOptions, keep: Keep): Ask {
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
    const mergedFields = mergeFields(stored.head.fields, answer.fields)
    const merged = readHead({ ...answer, status: stored.head.status, fields: mergedFields }, stored.head)
    const isSame = found.stored.head.receivedMs === stored.head.receivedMs && validity.holds(stored.names, since)
    const asker = readAsker(head.headers)
    if (!isSame || whyNotKept(asker, merged, stored.vary) !== undefined) {
      answers.release(found)
      return undefined
    }
    const fields = updatedFields(stored.head.fields, answer.fields, merged, asker)
    const refreshed = answers.refresh(found, { ...merged, fields }, since.purges)
    return { kind: 'confirmed', stored: refreshed.stored }
  }

  function share({ head, since }: Asking, answer: UpstreamAnswer, received: AnswerHead): Landing {
    const stored = keep.describe(head, received, since)
    if (typeof stored !== 'string') return keep.begin(stored, head, answer, since)
    const key = answerKeyOf(head)
    decisions.answered(key, received.status, stored)
    // What was stored before is older than what the app says now: unless it says so to this visitor alone.
    if (!TROUBLE.has(received.status) && !isAboutAsker(stored)) answers.drop(key)
    return { kind: 'private', answer, why: stored }
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
