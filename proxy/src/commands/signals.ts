import type { Primary } from '../lifecycle/primary.ts'
import type { CommandContext, Signal } from './command.ts'

export type Signals = {
  /** Aborts with the name of the signal that ends the edge. */
  readonly stop: AbortSignal
  /** What came before there was a primary, and is not too late, reaches it now. */
  attach(primary: Primary): void
}

/** A terminal's Ctrl-C reaches npm and the edge, and npm passes it on: within this time it is the same one. */
const ECHO_MS = 1000

/**
 * The first SIGTERM drains, the second one ends. SIGHUP reloads, after the start when it comes before.
 * @param reloadsOnHangup else SIGHUP is as SIGTERM.
 */
export function followSignals({ onSignal }: Pick<CommandContext, 'onSignal'>, reloadsOnHangup: boolean): Signals {
  const stopping = new AbortController()
  let primary: Primary | undefined
  let askedAtMs = 0
  let wantsReload = false

  function reload(): void {
    wantsReload = primary === undefined
    // Why it fails is told as an event, which the log has.
    if (!stopping.signal.aborted) primary?.reload().catch(() => undefined)
  }

  function stop(signal: Signal): void {
    const sinceMs = performance.now() - askedAtMs
    if (!stopping.signal.aborted) {
      askedAtMs = performance.now()
      stopping.abort(signal)
    } else if (signal !== 'SIGINT' || sinceMs > ECHO_MS) primary?.kill() // Whoever asks twice means now.
  }

  onSignal((signal) => {
    if (signal === 'SIGHUP' && reloadsOnHangup) reload()
    else stop(signal)
  })
  return {
    stop: stopping.signal,
    attach(started) {
      primary = started
      if (wantsReload) reload()
    },
  }
}
