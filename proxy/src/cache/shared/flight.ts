import type { Exchange, RequestHead } from '../../request.ts'
import type { UpstreamAnswer } from '../contracts.ts'
import type { Reason } from '../reasons.ts'
import type { StoredAnswer } from '../stored-answer.ts'
import type { Fill } from './fill.ts'
import type { Moment } from './validity.ts'

/** What came of asking the app once for many. */
export type Landing =
  /** An answer for everybody who selects it, from its first byte on. */
  | {
      readonly kind: 'shared'
      readonly stored: StoredAnswer
      readonly fill: Fill
      /** Why it is stored nonetheless nowhere; undefined: it is being stored. */
      readonly why: Reason | undefined
    }
  /** The app said that what is stored still holds. */
  | { readonly kind: 'confirmed'; readonly stored: StoredAnswer }
  /** The app is away or in trouble: what is stored may stand in. */
  | { readonly kind: 'stale'; readonly stored: StoredAnswer }
  /** An answer for the visitor alone in whose name it was asked for. */
  | { readonly kind: 'private'; readonly answer: UpstreamAnswer; readonly why: Reason }

/** A question to the app that is under way, and those who wait for it. */
export type Flight = {
  /** For whose request the app makes the answer. */
  readonly leader: RequestHead
  readonly since: Moment
  /** Rejects with the app's failure, which is everybody's. */
  readonly landing: Promise<Landing>
  landed: Landing | undefined
  /** A visitor waits: when the last one leaves before it lands, it is given up. */
  hold(exchange: Exchange): void
}

export type FlightOptions = {
  readonly leader: RequestHead
  readonly since: Moment
  /** A revalidation that nobody waits for. */
  readonly isBackground: boolean
  readonly fly: (signal: AbortSignal) => Promise<Landing>
}

export function startFlight({ leader, since, isBackground, fly }: FlightOptions): Flight {
  const giveUp = new AbortController()
  let waiting = 0
  const flight: Flight = {
    leader,
    since,
    landing: fly(giveUp.signal),
    landed: undefined,
    hold({ response }) {
      waiting++
      response.once('close', () => {
        waiting--
        if (waiting === 0 && !isBackground && flight.landed === undefined) giveUp.abort()
      })
    },
  }
  flight.landing.then(
    (landing) => (flight.landed = landing),
    () => undefined,
  )
  return flight
}
