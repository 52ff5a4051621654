/** One piece of work under way. */
export type Flight = {
  /** What it works on was changed meanwhile: its result is given to those who wait, and remembered by nobody. */
  readonly forgotten: boolean
}

/** Work merged by key: while one is under way, others who ask for it get the same promise. */
export type Singleflight<Value> = {
  run(key: string, work: (flight: Flight) => Promise<Value>): Promise<Value>
  has(key: string): boolean
  /** What is under way. */
  get(key: string): Promise<Value> | undefined
  /** Who asks from now on gets new work. */
  forget(key: string): void
  /** How many are under way. */
  readonly size: number
  /** Resolves once what is under way now has ended, well or badly. */
  settled(): Promise<void>
}

export function createSingleflight<Value>(): Singleflight<Value> {
  const flights = new Map<string, { readonly flight: { forgotten: boolean }; readonly result: Promise<Value> }>()
  return {
    run(key, work) {
      const underway = flights.get(key)
      if (underway !== undefined) return underway.result
      const flight = { forgotten: false }
      const result = work(flight).finally(() => {
        if (!flight.forgotten) flights.delete(key)
      })
      flights.set(key, { flight, result })
      return result
    },
    has: (key) => flights.has(key),
    get: (key) => flights.get(key)?.result,
    forget(key) {
      const underway = flights.get(key)
      if (underway === undefined) return
      underway.flight.forgotten = true
      flights.delete(key)
    },
    get size() {
      return flights.size
    },
    async settled() {
      await Promise.allSettled([...flights.values()].map(({ result }) => result))
    },
  }
}
