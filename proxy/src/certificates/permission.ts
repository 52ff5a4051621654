import { identifySite } from '../site/site.ts'
import { cachePermission } from './permission-cache.ts'
import { httpPermission } from './permission-http.ts'
import type { Config, PermissionSource } from '../config.ts'
import type { Permission } from './contracts.ts'
import type { CachedPermission } from './permission-cache.ts'

export { cachePermission } from './permission-cache.ts'
export { httpPermission } from './permission-http.ts'
export type { CachedPermission } from './permission-cache.ts'

/** Time limits of one question. */
const STORE_MS = 250
const HTTP_MS = 1_000

export type PermissionOptions = {
  readonly source: PermissionSource
  /** Answers for `source.kind` "store"; undefined where the store holds no allow-list. */
  readonly store: Permission | undefined
  readonly own: OwnNames
}

/** What permits names without being asked: see `permitOwnNames`. */
export type OwnNames = {
  readonly blotHost: string
  readonly issuerKind: Config['issuer']
  /** Is there a certificate that covers all handles and previews? */
  readonly wildcard: boolean
  /** May `*.$BLOT_HOST` be ordered, its names proved over DNS-01? */
  readonly wildcardOrders?: boolean
}

/** The permission that a configuration describes. Throws TypeError for "store" without a store that answers. */
export function createPermission({ source, store, own }: PermissionOptions): CachedPermission {
  const timeoutMs = source.kind === 'store' ? STORE_MS : HTTP_MS
  return cachePermission(permitOwnNames(own, openSource(source, store)), { timeoutMs })
}

function openSource(source: PermissionSource, store: Permission | undefined): Permission {
  if (source.kind === 'http') return httpPermission(source.url)
  if (source.kind === 'names') return namesPermission(source.names)
  if (source.kind === 'all') return allPermission()
  if (store === undefined) throw new TypeError('this store holds no allow-list')
  return store
}

/**
 * Names that configuration itself decides: $BLOT_HOST, www., cdn. and webhooks. of it always; `localhost` with a CA of our
 * own; `preview-…` with a CA of our own or under a wildcard certificate, else never: no public CA is asked for those.
 */
export function permitOwnNames(own: OwnNames, others: Permission): Permission {
  const local = own.issuerKind === 'local'
  return {
    async ask(name, signal) {
      if (name === 'localhost') return local
      if (name.startsWith('*.')) return own.wildcardOrders === true && name === `*.${own.blotHost}`
      const { kind } = identifySite(name, own.blotHost, false)
      if (kind === 'main' || kind === 'cdn' || kind === 'webhooks') return true
      if (kind === 'preview') return local || own.wildcard
      return others.ask(name, signal)
    },
  }
}

/** Exactly these normalised names. */
export function namesPermission(names: readonly string[]): Permission {
  const permitted = new Set(names)
  return { ask: async (name) => permitted.has(name) }
}

/** Every name: for a machine that only its own user reaches. */
export function allPermission(): Permission {
  return { ask: async () => true }
}
