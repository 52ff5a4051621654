/** Bounds how much is done at one time; who waits is served in order. */
export type Slots = {
  /** @returns a function that gives the place back. Rejects with the signal's reason when it aborts first. */
  take(signal: AbortSignal): Promise<() => void>
}

export function createSlots(count: number): Slots {
  let free = count
  const waiting = new Set<() => void>()

  function release(): void {
    const [next] = waiting
    if (next === undefined) free += 1
    else next()
  }

  return {
    async take(signal) {
      signal.throwIfAborted()
      if (free > 0) {
        free -= 1
        return release
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const abort = (): void => reject(signal.reason)
      signal.addEventListener('abort', abort)
      waiting.add(resolve)
      try {
        await promise
        return release
      } finally {
        waiting.delete(resolve)
        signal.removeEventListener('abort', abort)
      }
    },
  }
}
