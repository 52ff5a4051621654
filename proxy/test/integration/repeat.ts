import { setTimeout as delay } from 'node:timers/promises'

/** Between calls, the rest of the machine does what it is asked about. */
const PAUSE_MS = 10

/** Calls again and again until it is told to stop. @returns what each call failed with. */
export function repeat(call: () => Promise<unknown>): { stop(): Promise<unknown[]> } {
  const failures: unknown[] = []
  const ending = new AbortController()
  const going = (async () => {
    while (!ending.signal.aborted) {
      await call().catch((error: unknown) => failures.push(error))
      await delay(PAUSE_MS)
    }
  })()
  return {
    async stop() {
      ending.abort()
      await going
      return failures
    },
  }
}
