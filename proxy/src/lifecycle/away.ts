import { connect } from 'node:net'
import type { Config } from '../config.ts'
import { CertificateInvalid, codeOf } from '../errors.ts'
import type { Store } from '../store/open.ts'

const LIMIT_MS = 500

/** What the edge can do without for a while, and is without now: a sentence each. */
export async function findAway(config: Pick<Config, 'host' | 'upstreams'>, store: Store): Promise<string[]> {
  const [storeAway, ...upstreamsAway] = await Promise.all([
    store.vault.read(config.host).then(nothing, storeFault),
    ...config.upstreams.map(async ({ url }) => ((await accepts(new URL(url))) ? undefined : `${url} does not answer`)),
  ])
  return [storeAway, ...upstreamsAway].filter((sentence) => sentence !== undefined)
}

function nothing(): undefined {
  return undefined
}

/** A certificate that must not be served is an answer, too. */
function storeFault(error: unknown): string | undefined {
  return error instanceof CertificateInvalid ? undefined : `the store does not answer (${codeOf(error)})`
}

/** Does it accept connections? Whether the app is well is for its own health check to say. */
function accepts({ hostname, port, protocol }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const standard = protocol === 'https:' ? 443 : 80
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? standard : Number(port) })
    const settle = (accepted: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(accepted)
    }
    const timer = setTimeout(() => settle(false), LIMIT_MS)
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}
