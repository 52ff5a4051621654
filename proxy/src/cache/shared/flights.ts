import { LRUCache } from 'lru-cache'
import type { Exchange, RequestHead } from '../../request.ts'
import type { Reason } from '../reasons.ts'
import { selectionOf, type VaryNames } from '../rules/vary.ts'
import { answerKeyOf, type StoredAnswer } from '../stored-answer.ts'
import { createAsk, type AskOptions } from './ask.ts'
import type { Keep } from './keep.ts'
import { startFlight, type Flight, type Landing } from './flight.ts'

/** The questions to the app that are under way: one for a key and a selection. */
export type Flights = {
  /** Takes a visitor to the answer that is on its way to such requests as his, or has the app asked in his name. */
  board(exchange: Exchange, stored: StoredAnswer | undefined): Flight
  /** Has the app asked for nobody, unless it is being asked. */
  revalidate(head: RequestHead, stored: StoredAnswer): void
}

/** Keys of which it is known by what their answers vary. */
const VARYING_KEYS = 10_000

/** @param onPrivate gets the key of an answer that was for one visitor alone, and why it was. */
export function createFlights(options: AskOptions, keep: Keep, onPrivate: (key: string, why: Reason) => void): Flights {
  const { validity } = options
  const ask = createAsk(options, keep)
  const flights = new Map<string, Flight>()
  const varying = new LRUCache<string, VaryNames>({ max: VARYING_KEYS })

  /** Of a key of which nothing is known, everybody may turn out to select the same. */
  function flightKeyOf(head: RequestHead, stored: StoredAnswer | undefined): string {
    const key = answerKeyOf(head)
    return `${key}\n${selectionOf(stored?.vary ?? varying.get(key) ?? [], head.rawHeaders)}`
  }

  /** What began before a purge is not for those who come after it. */
  function joinable(flightKey: string): Flight | undefined {
    const flight = flights.get(flightKey)
    if (flight === undefined) return undefined
    const { leader, landed, since } = flight
    const unknown = { host: leader.host, url: answerKeyOf(leader), tags: [] }
    const names = landed === undefined || landed.kind === 'private' ? unknown : landed.stored.names
    return validity.holds(names, since) ? flight : undefined
  }

  function depart(head: RequestHead, visitor: Exchange | undefined, stored: StoredAnswer | undefined): Flight {
    const flightKey = flightKeyOf(head, stored)
    const since = validity.now()
    const flight = startFlight({
      leader: head,
      since,
      isBackground: visitor === undefined,
      fly: (signal) => ask({ head, visitor, stored, since, signal }),
    })
    flights.set(flightKey, flight)
    const leave = (): void => {
      if (flights.get(flightKey) === flight) flights.delete(flightKey)
    }
    flight.landing.then((landing) => land(landing, head, visitor)).then(leave, leave)
    return flight
  }

  /** @returns when the answer is whole, and stored if it may be: until then it is joined. */
  async function land(landing: Landing, head: RequestHead, visitor: Exchange | undefined): Promise<void> {
    if (landing.kind === 'private') {
      onPrivate(answerKeyOf(head), landing.why)
      if (visitor === undefined) landing.answer.discard()
    } else if (landing.kind === 'shared') {
      varying.set(landing.stored.key, landing.stored.vary)
      await landing.fill.whole
    }
  }

  return {
    board(exchange, stored) {
      const flight = joinable(flightKeyOf(exchange.head, stored)) ?? depart(exchange.head, exchange, stored)
      flight.hold(exchange)
      return flight
    },
    revalidate(head, stored) {
      if (joinable(flightKeyOf(head, stored)) === undefined) depart(head, undefined, stored)
    },
  }
}
