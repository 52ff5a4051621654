/**
 * A time limit that is moved with every sign of life, at the cost of a look at the clock: the timer behind it is set anew
 * only when it runs out early, or would run out late.
 */
export class Deadline {
  readonly #passed: () => void
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0
  #dueMs = Infinity

  constructor(passed: () => void) {
    this.#passed = passed
  }

  set(ms: number): void {
    this.#dueMs = performance.now() + ms
    if (this.#timer === undefined || this.#timerMs > this.#dueMs) this.#arm(ms)
  }

  stop(): void {
    this.#dueMs = Infinity
  }

  /** Lets go of the timer too. */
  close(): void {
    this.stop()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer)
    this.#timerMs = performance.now() + ms
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#dueMs === Infinity) return
      const leftMs = Math.ceil(this.#dueMs - performance.now())
      if (leftMs > 0) this.#arm(leftMs)
      else this.#passed()
    }, ms).unref()
  }
}
