/** Work merged by key: while one is under way, others who ask for it get the same promise. */
export type Singleflight<Value> = {
  run(key: string, work: () => Promise<Value>): Promise<Value>
  has(key: string): boolean
  /** How many are under way. */
  readonly size: number
  /** Resolves once what is under way now has ended, well or badly. */
  settled(): Promise<void>
}

export function createSingleflight<Value>(): Singleflight<Value> {
  const flights = new Map<string, Promise<Value>>()
  return {
    run(key, work) {
      const underway = flights.get(key)
      if (underway !== undefined) return underway
      const flight = work().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
    has: (key) => flights.has(key),
    get size() {
      return flights.size
    },
    async settled() {
      await Promise.allSettled(flights.values())
    },
  }
}

/** Waits for work that others wait for too: an abort ends this wait, not the work. Rejects with the signal's reason. */
export async function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
