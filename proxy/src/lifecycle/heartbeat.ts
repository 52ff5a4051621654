import { edgeChannel } from '../events.ts'
import type { Child } from './child.ts'

/** Knows which processes' event loops turn. */
export type Heartbeat = {
  /** Asks everybody who has answered, and ends who has not for too long. Called at the same intervals. */
  beat(): void
  /** How many workers that serve have answered since this was asked last. */
  answered(): number
}

export type HeartbeatOptions = {
  /** The processes that are there now. One that is not ready yet has a limit of its own. */
  children(): readonly Child[]
  /** How long a process may be silent, ms; 0: for ever. */
  stallMs(): number
  /** Monotonic, ms: a clock that is set does not matter, and the time of a suspended machine does not count. */
  now?(): number
}

export const BEAT_MS = 1000
/** A call that is not answered is remembered no longer than this. */
const FORGET_MS = 10 * 60_000

/**
 * One that is silent for too long is ended, for whoever replaces it: one at a time, and never for the time in which this process
 * did not run either, because the machine was suspended, or all of them were stopped.
 */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { children, stallMs, now = () => performance.now() } = options
  /** Since when each one has not answered. */
  const silentSince = new Map<Child, number>()
  const answered = new Set<Child>()
  let lastBeat = now()

  async function ask(child: Child): Promise<void> {
    silentSince.set(child, now())
    try {
      await child.channel.call(child.role, 'ping', null, FORGET_MS)
      answered.add(child)
    } catch {
      // It ended, which others see.
    }
    silentSince.delete(child)
  }

  /** Everybody has the whole time again. */
  function forgive(): void {
    for (const child of silentSince.keys()) silentSince.set(child, now())
  }

  function end(child: Child, silentMs: number): void {
    const error = `its event loop has not turned for ${Math.round(silentMs / 1000)} s: it is ended`
    edgeChannel('fault').publish({ area: child.role, message: 'process stalled', error, name: child.name })
    child.kill()
    forgive()
  }

  return {
    beat() {
      const isLate = now() - lastBeat > 2 * BEAT_MS
      lastBeat = now()
      if (isLate) forgive()
      const limitMs = stallMs()
      for (const child of children().filter((one) => one.isReady())) {
        const since = silentSince.get(child)
        if (since === undefined) void ask(child)
        else if (limitMs > 0 && now() - since > limitMs) end(child, now() - since)
      }
    },
    answered() {
      const count = children().filter((child) => answered.has(child) && isServing(child)).length
      answered.clear()
      return count
    },
  }
}

function isServing({ role, state }: Child): boolean {
  return role === 'worker' && state === 'running'
}
