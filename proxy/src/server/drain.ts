import { cut } from '../cut.ts'
import type { Registry } from './registry.ts'
import type { UnderWay } from './under-way.ts'

/** How long a drain lets things go on, ms. */
export type DrainLimits = {
  /** Requests, their bodies and answers, handshakes. */
  readonly limitMs: number
  /** Streams of events and tunnels; at least as long as all else. */
  readonly tunnelsMs: number
  /** Connections without a request, 10 s by default. It is shorter where nobody takes over. */
  readonly idleMs?: number
  /** What the end of a stream or tunnel may take until it is forced, 0.5 s by default. */
  readonly endingMs?: number
}

export type DrainOptions = {
  readonly registry: Registry
  readonly underWay: UnderWay
  /** Accepts no more, and has each connection end when it can, or after `idleMs` without a request. */
  begin(idleMs: number): void
  /** Called when no connection is left. */
  close(): Promise<void>
}

const IDLE_MS = 10_000
const ENDING_MS = 500

export function createDrain({
  registry,
  underWay,
  begin,
  close,
}: DrainOptions): (limits: DrainLimits) => Promise<void> {
  const deadlines = {
    ordinary: createDeadline(endOrdinary),
    lasting: createDeadline(endLasting),
    all: createDeadline(() => registry.destroy()),
  }
  let forcedAfterMs = ENDING_MS
  let drained: Promise<void> | undefined

  /** All but the connections on which there is a stream of events or a tunnel, and of those what is neither. */
  function endOrdinary(): void {
    const spared = new Set<unknown>()
    for (const exchange of underWay.all()) {
      if (exchange.lasting !== undefined) spared.add(exchange.head.connection)
    }
    for (const exchange of underWay.all()) {
      if (exchange.lasting === undefined && spared.has(exchange.head.connection)) cut(exchange.response)
    }
    registry.destroy(({ connection }) => spared.has(connection))
  }

  function endLasting(): void {
    for (const { lasting } of underWay.all()) lasting?.end()
    deadlines.all.within(forcedAfterMs)
  }

  async function untilEmpty(): Promise<void> {
    await registry.empty()
    for (const deadline of Object.values(deadlines)) deadline.stop()
    registry.close()
    await close()
  }

  return ({ limitMs, tunnelsMs, idleMs = IDLE_MS, endingMs = ENDING_MS }) => {
    begin(idleMs)
    forcedAfterMs = endingMs
    deadlines.ordinary.within(limitMs)
    deadlines.lasting.within(Math.max(limitMs, tunnelsMs))
    drained ??= untilEmpty()
    return drained
  }
}

/** Asked again, it comes the sooner of both times. */
function createDeadline(expired: () => void): { within(ms: number): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let atMs = Infinity
  return {
    within(ms) {
      const thenMs = performance.now() + ms
      if (thenMs >= atMs) return
      clearTimeout(timer)
      atMs = thenMs
      timer = setTimeout(expired, ms)
    },
    stop: () => clearTimeout(timer),
  }
}
