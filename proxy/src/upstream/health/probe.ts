import { codeOf, UpstreamRefused, UpstreamTimeout } from '../../errors.ts'
import { addressOf, originOf } from '../origin.ts'
import { retryAfterMs } from '../retry-after.ts'
import { connect } from '../wire/connect.ts'
import { Connections } from '../wire/connections.ts'
import type { WireListener } from '../wire/contracts.ts'
import { requestHead } from '../wire/request-head.ts'
import type { Health } from './health.ts'

/** What one check saw. */
export type Sighting = Health & {
  /** Once is enough: nobody who is well looks like this for a moment. */
  readonly isCertain: boolean
}

/** Where apps tell how they are. One that knows no such path answers 404, and is alive all the same. */
export const HEALTH_PATH = '/health'
/** For all of a check's answer. */
const LIMIT_MS = 2000
const FIELDS = ['User-Agent', 'blot-edge (health check)', 'Accept', '*/*', 'Connection', 'close']
/** Who wants to be left alone for longer is out of order, and no reason to wait. */
const MAX_DRAINING_MS = 10_000
const MAX_BODY_BYTES = 64 * 1024

/**
 * Asks an upstream once how it is, over a connection of its own: those that are open say nothing of whether it accepts others.
 * @param path undefined: whether it accepts a connection is all that is asked.
 */
export type Probe = () => Promise<Sighting>

type Seen = Omit<Sighting, 'url'>

export function createProbe(url: string, path: string | undefined): Probe {
  return path === undefined ? () => knock(url) : () => askHealth(url, path)
}

function knock(url: string): Promise<Sighting> {
  return new Promise((resolve) => {
    const socket = connect(
      originOf(url),
      () => {
        socket.destroy()
        resolve({ url, verdict: 'up', isCertain: true })
      },
      undefined,
    )
    socket.once('error', (cause) => resolve({ url, ...failureOf(new UpstreamRefused({ cause })) }))
  })
}

function askHealth(url: string, path: string): Promise<Sighting> {
  return new Promise((resolve) => {
    const connections = new Connections(originOf(url), { reached: ignore, unreachable: ignore, closing: ignore })
    const fields = ['Host', addressOf(url), ...FIELDS]
    const head = requestHead('GET', path, fields)
    let bytes = 0
    const settle = (health: Seen): void => {
      clearTimeout(timer)
      resolve({ url, ...health })
    }
    const listener: WireListener = {
      onBegin() {},
      onInformation() {},
      onHead: ({ status, headers }) => settle(verdictOf(status, headers)),
      onData(chunk) {
        bytes += chunk.length
        if (bytes > MAX_BODY_BYTES) connection.abort(new UpstreamTimeout())
        return true
      },
      onEnd() {},
      onSwitch: (_head, socket) => socket.destroy(),
      onError: (error) => settle(failureOf(error)),
    }
    const request = { method: 'GET', head, body: null, chunked: false, upgrading: false, readMs: LIMIT_MS }
    const connection = connections.ask(request, listener, true)
    const timer = setTimeout(() => connection.abort(new UpstreamTimeout()), LIMIT_MS)
  })
}

/** Whatever the app thinks of the path: below 500, it is alive. */
function verdictOf(status: number, headers: readonly string[]): Seen {
  if (status < 500) return { verdict: 'up', isCertain: true }
  const forMs = status === 503 ? (retryAfterMs(headers) ?? Infinity) : Infinity
  const isDraining = forMs <= MAX_DRAINING_MS
  return { verdict: isDraining ? 'draining' : 'failing', error: `status ${status}`, isCertain: isDraining }
}

/** Who does not accept in time may be busy for a moment; who refuses is not there. */
function failureOf(error: Error): Seen {
  const { cause = error } = error
  const isUnreached = error instanceof UpstreamRefused
  const isCertain = isUnreached && !(cause instanceof UpstreamTimeout)
  return { verdict: isUnreached ? 'away' : 'failing', error: codeOf(cause), isCertain }
}

function ignore(): void {}
