import type { Upstream } from '../../config.ts'
import { edgeChannel } from '../../events.ts'
import type { Health } from './health.ts'
import { createProbe, type Probe, type Sighting } from './probe.ts'

export type MonitorOptions = {
  readonly upstreams: readonly Upstream[]
  /** Where an upstream tells how it is; undefined: nothing is asked of one that is up. */
  readonly path: string | undefined
  /** One of them is not as it was. */
  readonly onChange: (health: readonly Health[]) => void
}

/** Knows how every upstream is: asks each now and then, and those that are not up more often. One process of a machine has it. */
export type Monitor = {
  health(): readonly Health[]
  /** Has those checked that somebody suspects. @returns how all are then. */
  check(suspects: readonly string[]): Promise<readonly Health[]>
  /** Is there nobody who takes requests? */
  isAway(): boolean
  /** Somebody takes requests again. @returns a function that ends the subscription. */
  onBack(listener: () => void): () => void
  close(): void
}

const UP_MS = 2000
const TROUBLED_MS = 250
/** When one has been gone for long, it is asked less often. */
const LONG_MS = 60_000
const LONG_TROUBLED_MS = 1000
/** Between two checks of one upstream, whoever suspects it. */
const LEAST_MS = 50
/** So many checks in a row must fail before an upstream that seemed well is taken to be failing. */
const FAILURES = 3
/** Several machines that began together do not go on asking together. */
const JITTER = 0.2

const changes = edgeChannel('upstream')

export function createMonitor({ upstreams, path, onChange }: MonitorOptions): Monitor {
  const listeners = new Set<() => void>()
  const watches = upstreams.map(
    ({ url }) => new Watch(createProbe(url, path), url, { asksWhenUp: path !== undefined, changed }),
  )
  let wasAway = false

  const health = (): readonly Health[] => watches.map((watch) => watch.health)
  const isAway = (): boolean => watches.every(({ health: { verdict } }) => verdict === 'away' || verdict === 'draining')

  function changed({ url, verdict, error }: Health): void {
    changes.publish({ upstream: url, verdict, reason: error })
    onChange(health())
    const isBack = wasAway && !isAway()
    wasAway = isAway()
    if (isBack) for (const listener of listeners) listener()
  }

  for (const watch of watches) void watch.check(false)
  return {
    health,
    async check(suspects) {
      await Promise.all(
        watches.filter(({ health: { url } }) => suspects.includes(url)).map((watch) => watch.check(true)),
      )
      return health()
    },
    isAway,
    onBack(listener) {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    close() {
      for (const watch of watches) watch.close()
    },
  }
}

type WatchOptions = { readonly asksWhenUp: boolean; changed(health: Health): void }

/** One upstream under watch. */
class Watch {
  health: Health
  readonly #probe: Probe
  readonly #options: WatchOptions
  #failures = 0
  /** The check that begins next is about somebody else's suspicion. */
  #isSuspected = false
  #troubledSinceMs = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** The check that begins when the running one is over. */
  #next: Promise<void> | undefined
  #isClosed = false

  constructor(probe: Probe, url: string, options: WatchOptions) {
    this.#probe = probe
    this.#options = options
    this.health = { url, verdict: 'up' }
  }

  /**
   * A check that begins after this call.
   * @param isSuspect somebody else has seen a failure: a second one is enough.
   */
  check(isSuspect: boolean): Promise<void> {
    this.#isSuspected ||= isSuspect
    if (this.#running === undefined) {
      this.#running = this.#look().finally(() => (this.#running = undefined))
      return this.#running
    }
    this.#next ??= this.#running.then(async () => {
      await pause(LEAST_MS)
      this.#next = undefined
      return this.check(false)
    })
    return this.#next
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer)
    const isSuspected = this.#isSuspected
    this.#isSuspected = false
    const seen = await this.#probe()
    if (this.#isClosed) return
    this.#take(seen, isSuspected)
    this.#askAgain()
  }

  #take({ isCertain, ...seen }: Sighting, isSuspected: boolean): void {
    this.#failures = seen.verdict === 'up' ? 0 : this.#failures + 1
    const isBelieved = isCertain || isSuspected || this.#failures >= FAILURES || this.health.verdict !== 'up'
    if (!isBelieved) return
    const before = this.health
    this.health = seen
    if (before.verdict === 'up' && seen.verdict !== 'up') this.#troubledSinceMs = performance.now()
    if (before.verdict !== seen.verdict) this.#options.changed(seen)
  }

  #askAgain(): void {
    const isUp = this.health.verdict === 'up'
    const isSound = isUp && this.#failures === 0
    if (isSound && !this.#options.asksWhenUp) return
    const isLong = !isUp && performance.now() - this.#troubledSinceMs > LONG_MS
    const everyMs = isSound ? UP_MS : isLong ? LONG_TROUBLED_MS : TROUBLED_MS
    const waitMs = everyMs * (1 + JITTER * (Math.random() - 0.5))
    this.#timer = setTimeout(() => void this.check(false), waitMs)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
