import { setTimeout as delay } from 'node:timers/promises'
import type { UpstreamPool } from '../pool.ts'
import type { Health } from './health.ts'
import { createProbe, type Probe } from './probe.ts'

export type VigilOptions = {
  readonly pool: UpstreamPool
  /** As for the monitor. */
  readonly path: string | undefined
  /** Asks who watches for the whole machine, and has those checked that are suspected; rejects while there is nobody. */
  readonly askMonitor?: (suspects: readonly string[]) => Promise<readonly Health[]>
}

/** Looks after the upstreams of this process while one of them is in doubt or not up. */
export type Vigil = { close(): void }

/** The monitor tells of changes by itself. */
const ASK_MS = 1000
const PROBE_MS = 250
/** A monitor that is away does not say so at once; one that checks may take longer, and tells later. */
const PATIENCE_MS = 500
/** Between two looks, however many doubts there are. */
const LEAST_MS = 50

/** One process asks for all of them; while there is none, each for itself: one probe, and not every visitor's request. */
export function createVigil({ pool, path, askMonitor }: VigilOptions): Vigil {
  const probes = new Map<string, Probe>(pool.stats().map(({ url }) => [url, createProbe(url, path)]))
  const suspects = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  let isLooking = false
  let isClosed = false

  async function look(): Promise<void> {
    clearTimeout(timer)
    isLooking = true
    const asked = [...suspects]
    suspects.clear()
    const told = await ask(asked)
    const seen = await probe(asked, told)
    isLooking = false
    if (isClosed) return
    pool.apply([...told, ...seen])
    if (suspects.size > 0) lookIn(LEAST_MS)
    else if (isAnyoneDown()) lookIn(seen.length === 0 ? ASK_MS : PROBE_MS)
  }

  /** @returns nothing when there is no monitor, or none that answers now. */
  async function ask(asked: readonly string[]): Promise<readonly Health[]> {
    if (askMonitor === undefined) return []
    const patience = new AbortController()
    const late = delay(PATIENCE_MS, [], { signal: patience.signal })
    const told = await Promise.race([askMonitor(asked), late]).catch(() => [])
    patience.abort()
    return told
  }

  function lookIn(ms: number): void {
    timer = setTimeout(() => void look(), ms)
  }

  /** Looks at those in doubt whom the monitor says nothing of. */
  function probe(asked: readonly string[], told: readonly Health[]): Promise<Health[]> {
    const isDoubtful = (url: string, state: string): boolean => asked.includes(url) || isDown(state)
    const urls = pool.stats().flatMap(({ url, state }) => (isDoubtful(url, state) ? [url] : []))
    const untold = urls.filter((url) => !told.some((one) => one.url === url))
    return Promise.all(untold.flatMap((url) => probes.get(url)?.() ?? []))
  }

  const isAnyoneDown = (): boolean => pool.stats().some(({ state }) => isDown(state))

  pool.onDoubt((url) => {
    const isFirst = suspects.size === 0
    suspects.add(url)
    if (isFirst && !isLooking) void look()
  })
  void look()
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

function isDown(state: string): boolean {
  return state !== 'up' && state !== 'starting'
}
