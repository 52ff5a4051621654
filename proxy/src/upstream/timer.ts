/** One timer for one wait at a time. Setting it again with the same time moves it, at next to no cost. */
export type Timer = { set(ms: number): void; stop(): void }

export function createTimer(expired: () => void): Timer {
  let timer: NodeJS.Timeout | undefined
  let currentMs = 0
  return {
    set(ms) {
      if (timer !== undefined && ms === currentMs) {
        timer.refresh()
        return
      }
      clearTimeout(timer)
      currentMs = ms
      timer = setTimeout(expired, ms)
    },
    stop() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
