import { cut } from '../cut.ts'
import type { Registry } from './registry.ts'
import type { UnderWay } from './under-way.ts'

/** How long a drain lets things go on, ms. */
export type DrainLimits = {
  /** Requests, their bodies and answers, handshakes. */
  readonly limitMs: number
  /** Streams of events and tunnels; at least as long as all else. */
  readonly tunnelsMs: number
}

export type DrainOptions = {
  readonly registry: Registry
  readonly underWay: UnderWay
  /** Accepts no more, and has each connection end when it can. */
  begin(): void
  /** Called when no connection is left. */
  close(): Promise<void>
}

/** After their limit, streams and tunnels are ended by the rules of their protocols; this much later, by force. */
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
    deadlines.all.within(ENDING_MS)
  }

  async function drain(): Promise<void> {
    begin()
    await registry.empty()
    for (const deadline of Object.values(deadlines)) deadline.stop()
    registry.close()
    await close()
  }

  return ({ limitMs, tunnelsMs }) => {
    deadlines.ordinary.within(limitMs)
    deadlines.lasting.within(Math.max(limitMs, tunnelsMs))
    drained ??= drain()
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
