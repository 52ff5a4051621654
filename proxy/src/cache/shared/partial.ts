import type { Exchange } from '../../request.ts'
import { answerFor } from '../answer.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import { keepPart, type KeptPart } from '../kept-part.ts'
import type { PartTier } from '../part-tier.ts'
import { endToEnd } from '../rules/fields.ts'
import { headOfWhole, partOf } from '../rules/partial.ts'
import type { RequestRules } from '../rules/request-rules.ts'
import { judge } from '../rules/reuse.ts'
import { mayHave, type HandOutOptions } from './hand-out.ts'
import type { Keep } from './keep.ts'
import type { PassOptions } from './pass.ts'

export type PartialOptions = PassOptions & HandOutOptions & { readonly parts: PartTier }

/** Ranges of what is not stored as a whole (RFC 9111 3.3, 3.4). */
export type Partial = {
  /** @returns false where no stored part holds all that is asked for. */
  send(exchange: Exchange, rules: RequestRules): boolean
  /** Asks the app for the range, and keeps what comes. */
  ask(exchange: Exchange): Promise<UpstreamAnswer>
}

export function createPartial(options: PartialOptions, keep: Keep): Partial {
  const { app, answers, parts, validity, deliver, commonHeaders, now } = options

  /** A part is sent only as the part that it is: the whole, and what lies beyond, is asked for. */
  function holds({ span, representation }: KeptPart, { head }: Exchange): boolean {
    const { status, parts: pieces } = answerFor(head, representation, now())
    if (status === 200) return false
    return pieces.every((piece) => Buffer.isBuffer(piece) || (piece.start >= span.start && piece.end <= span.end))
  }

  return {
    send(exchange, rules) {
      if (exchange.head.headers.range === undefined) return false
      const found = parts
        .find(exchange.head)
        .find(
          (part) =>
            mayHave(rules, part.stored) && judge(part.stored.head, rules, now()) === 'fresh' && holds(part, exchange),
        )
      if (found === undefined) return false
      exchange.cache = 'HIT'
      const { representation, body, span, stored } = found
      void deliver(
        exchange,
        { kind: 'ready', representation, body, start: span.start, stored: stored.head },
        commonHeaders,
      )
      return true
    },

    async ask(exchange) {
      const { head } = exchange
      const since = validity.now()
      const requestedMs = now()
      const answer = await app(exchange)
      const { status, headers } = answer.head
      const received = { status, fields: endToEnd(headers), requestedMs, receivedMs: now() }
      const part = partOf(received)
      if (part === undefined || part.span.end - part.span.start > parts.maxBytes) return answer
      const stored = keep.describe(head, headOfWhole(received), since)
      if (typeof stored === 'string' || keep.isPageFile(head, stored.head)) return answer
      const fill = keep.fill(answer)
      void fill.whole.then((body) => {
        const isAll = typeof body !== 'string' && body.length === part.span.end - part.span.start
        if (!isAll || !validity.holds(stored.names, since)) return
        const whole = parts.put(keepPart(stored, part, body))
        if (whole !== undefined) answers.put(whole.stored, whole.body)
      })
      return fill.join() ?? answer
    },
  }
}
