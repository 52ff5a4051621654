import { setTimeout as pause } from 'node:timers/promises'

export interface DepartureOptions {
  /** Who asks how we are at least this often counts on being told. */
  readonly askedWithinMs?: number
  /** What an edge takes, once it is told, to send its requests elsewhere. */
  readonly graceMs?: number
}

/**
 * How the app goes so that no request is lost. An app that just closes its port loses what has been sent over connections that it is
 * about to close, or has not accepted yet. So edges that ask for `/health` are told first, and everybody is served meanwhile.
 */
export class Departure {
  readonly #askedWithinMs: number
  readonly #graceMs: number
  /** When each edge last asked, by its address. */
  readonly #asked = new Map<string, number>()
  readonly #untold = new Set<string>()
  readonly #allTold = Promise.withResolvers<void>()
  readonly #hurried = new AbortController()
  #isLeaving = false

  constructor({ askedWithinMs = 3000, graceMs = 500 }: DepartureOptions = {}) {
    this.#askedWithinMs = askedWithinMs
    this.#graceMs = graceMs
  }

  get isLeaving(): boolean {
    return this.#isLeaving
  }

  /** An edge asks how we are, and is told by the answer. */
  asked(address: string): void {
    if (this.#isLeaving) {
      this.#untold.delete(address)
      if (this.#untold.size === 0) this.#allTold.resolve()
    } else {
      this.#asked.delete(address)
      this.#asked.set(address, performance.now())
    }
    this.#forgetOld()
  }

  /** Resolves when every edge knows: at once where none asks. */
  async begin(): Promise<void> {
    if (this.#isLeaving) return
    this.#forgetOld()
    this.#isLeaving = true
    for (const address of this.#asked.keys()) this.#untold.add(address)
    if (this.#untold.size === 0) return
    const { signal } = this.#hurried
    try {
      // Who does not ask any more is gone himself.
      await Promise.race([this.#allTold.promise, pause(this.#askedWithinMs, undefined, { signal, ref: false })])
      await pause(this.#graceMs, undefined, { signal })
    } catch {
      // There is no time for that.
    }
  }

  /** Ends the waiting. */
  hurry(): void {
    this.#hurried.abort()
  }

  #forgetOld(): void {
    const oldestMs = performance.now() - this.#askedWithinMs
    for (const [address, lastMs] of this.#asked) {
      if (lastMs >= oldestMs) return
      this.#asked.delete(address)
    }
  }
}
