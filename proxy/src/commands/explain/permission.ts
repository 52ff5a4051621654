import { createPermission, type CachedPermission } from '../../certificates/permission.ts'
import type { Config } from '../../config.ts'
import { codeOf } from '../../errors.ts'
import { identifySite } from '../../site/site.ts'
import { openStore, type Store } from '../../store/open.ts'

/** Sites that `permitOwnNames` decides about. */
const OWN = new Set(['main', 'cdn', 'webhooks', 'preview'])

/** May the name have a certificate, and who says so? Asked now, past whatever a running edge remembers. */
export async function explainPermission(host: string, config: Config): Promise<string> {
  const { permission: source } = config
  const store = source.kind === 'store' ? await openStore(config) : undefined
  const permission = openPermission(config, store)
  const asked = {
    store: 'the store (domain:… and handle:…)',
    http: source.kind === 'http' ? source.url : '',
    names: 'the names given with --host',
    all: 'EDGE_PERMISSION=all',
  }[source.kind]
  const isOwn = host === 'localhost' || OWN.has(identifySite(host, config.host, false).kind)
  const who = isOwn ? 'the configuration' : asked
  try {
    const isPermitted = await permission.ask(host, AbortSignal.timeout(5000))
    return `${isPermitted ? 'yes' : 'no'}, says ${who}`
  } catch (error) {
    return `nobody could say (${codeOf(error)}): ${who}`
  } finally {
    await store?.close()
  }
}

export function openPermission(config: Config, store: Pick<Store, 'permission'> | undefined): CachedPermission {
  const { host: blotHost, issuer: issuerKind, dnsModule } = config
  const wildcardOrders = dnsModule !== undefined
  const own = { blotHost, issuerKind, wildcard: wildcardOrders || config.wildcard !== undefined, wildcardOrders }
  return createPermission({ source: config.permission, store: store?.permission, own })
}
