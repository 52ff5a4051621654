import { codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { limitLines } from '../log/limit.ts'
import type { AdminEvent } from './contracts.ts'

/** Events a second from one process; the others are still in the log and in the metrics. */
const EVENTS_PER_SECOND = 20
const NAMES_SHOWN = 20
const DETAIL_CHARACTERS = 500

type Unstamped<Event> = Event extends unknown ? Omit<Event, 'timeMs' | 'process'> : never

/**
 * Gives `send` what the dashboard shows of this process, as plain JSON.
 * @param process its name in `/status`.
 * @returns a function that ends it.
 */
export function relayEvents(process: string, send: (event: AdminEvent) => void): () => void {
  const limit = limitLines(EVENTS_PER_SECOND, () => {})
  const relay = (event: Unstamped<AdminEvent>): void => {
    if (limit.admit()) send({ timeMs: Date.now(), process, ...event })
  }
  const unsubscribe = [
    edgeChannel('certificate').subscribe(({ name, phase, issuer, reason }) => {
      relay({ type: 'certificate', phase, name, issuer, ...(reason === undefined ? {} : { reason: cut(reason) }) })
    }),
    edgeChannel('handshake').subscribe(({ outcome, name, reason }) => {
      if (outcome !== 'refused') return
      const known = {
        ...(name === undefined ? {} : { name }),
        ...(reason === undefined ? {} : { reason: cut(reason) }),
      }
      relay({ type: 'handshake', outcome, ...known })
    }),
    edgeChannel('purge').subscribe(({ names, entries }) => {
      relay({ type: 'purge', names: names.slice(0, NAMES_SHOWN), nameCount: names.length, entries })
    }),
    edgeChannel('upstream').subscribe(({ upstream, verdict, reason }) => {
      relay({ type: 'upstream', upstream, verdict, ...(reason === undefined ? {} : { reason }) })
    }),
    edgeChannel('reload').subscribe((event) => relay({ type: 'reload', ...event, step: cut(event.step) })),
    edgeChannel('webhook').subscribe(({ phase, id, path, reason }) => {
      relay({ type: 'webhook', phase, id, path, ...(reason === undefined ? {} : { reason: cut(reason) }) })
    }),
    edgeChannel('fault').subscribe(({ area, message, error, name }) => {
      const detail = cut(error instanceof Error ? error.message : String(error))
      relay({ type: 'fault', area, message, code: codeOf(error), detail, ...(name === undefined ? {} : { name }) })
    }),
  ]
  return () => {
    for (const end of unsubscribe) end()
    limit.flush()
  }
}

function cut(text: string): string {
  return text.slice(0, DETAIL_CHARACTERS)
}
