import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readCertificateFiles } from '../certificates/certificate-files.ts'
import { createCertificates, type Certificates } from '../certificates/certificates.ts'
import type {
  CertificateOperations,
  Change,
  Issuer,
  Permission,
  StoredCertificate,
  Vault,
} from '../certificates/contracts.ts'
import { openFallback } from '../certificates/fallback.ts'
import { openIssuer } from '../certificates/issuers/open.ts'
import { registeredDomain } from '../certificates/names.ts'
import { createObtainer, type Obtainer } from '../certificates/obtain.ts'
import { createCertificateOperations, type OperationsIssuing } from '../certificates/operations.ts'
import { createOrderBudgets } from '../certificates/order-budgets.ts'
import { createPermission, type CachedPermission } from '../certificates/permission.ts'
import type { Lane } from '../certificates/queue.ts'
import { startRenewals } from '../certificates/renewals.ts'
import { createUnwritten, startWriting } from '../certificates/unwritten.ts'
import { keepWildcard } from '../certificates/wildcard.ts'
import type { Config } from '../config.ts'
import { CertificatesReadOnly } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { openFileVault } from '../store/file-vault.ts'
import { createSealer } from '../store/seal.ts'
import type { Store } from '../store/open.ts'
import type { Channel } from './channel.ts'
import type { ChildSettings } from './settings.ts'
import { readWithCopy, serveWithCopies, type Served } from './copies.ts'

/** How the room `certificates` is joined to the store, and how workers and the manager share its work. */

/** The manager's part: orders are made once a machine, and the local CA's key is in one process only. */
export type CertificateManager = {
  /** Undefined with EDGE_ISSUER=none. */
  readonly issuerId: string | undefined
  /** Resolves once the vault holds a certificate for this name; rejects as `Obtainer.obtain` does. */
  obtain(name: string, lane: Lane): Promise<void>
  /** For the admin API. */
  readonly operations: CertificateOperations
  /** Makes the fallback certificate anew where that is due. */
  prepare(): Promise<StoredCertificate>
  /**
   * Tells workers what changes in the store, writes what waits for it, and renews. Orders can be had before and after.
   * `close` resolves when another process may do so.
   */
  lead(): { close(): Promise<void> }
  /** Resolves when no order is under way. */
  settled(): Promise<void>
  /** Gives up the orders under way. */
  close(): Promise<void>
}

/** A little longer than the manager's own deadline for an order, whose error says more. */
const ORDER_MS = 100_000

export async function openCertificateManager(
  { config, version }: Pick<ChildSettings, 'config' | 'version'>,
  store: Store,
  channel: Channel,
): Promise<CertificateManager> {
  const issuer = await openIssuer(config, { store, version })
  // No CA of the world is asked for a preview, whatever covers it otherwise.
  const permission = openPermission(config, store, config.issuer !== 'acme' && config.wildcard !== undefined)
  const vault = await openFallbackVault(config)
  const issuing = issuer && (await startIssuing(config, store, issuer, permission))
  const caaIdentity = config.issuer === 'acme' ? registeredDomain(new URL(config.acmeDirectory).hostname) : undefined

  let isLeading = false
  const hear = (change: Change | { readonly kind: 'all' }): void => {
    if (change.kind === 'permission') permission.forget(change.name)
    issuing?.changed(change)
    // A worker that is not there yet has nothing in memory.
    if (isLeading) channel.call('worker', 'changed', change).catch(() => undefined)
  }
  const unsubscribe = store.changes.subscribe(hear)

  return {
    issuerId: issuer?.id,
    async obtain(name, lane) {
      if (issuing === undefined) throw new CertificatesReadOnly()
      await issuing.obtainer.obtain(name, { lane })
    },
    operations: createCertificateOperations({ store, permission, issuing, caaIdentity }),
    prepare: () =>
      openFallback({ vault, blotHost: config.host, issuer: config.issuer === 'local' ? issuer : undefined }),
    lead() {
      isLeading = true
      const upkeep = issuing?.lead()
      // Whatever changed while no manager led, workers have not heard of.
      hear({ kind: 'all' })
      return {
        async close() {
          isLeading = false
          await upkeep?.close()
        },
      }
    },
    async settled() {
      await issuing?.obtainer.settled()
    },
    async close() {
      unsubscribe()
      await issuing?.obtainer.close()
      await issuer?.close?.()
    },
  }
}

type Issuing = OperationsIssuing & {
  readonly obtainer: Obtainer
  changed(change: Change | { readonly kind: 'all' }): void
  /** Begins what nobody has to ask for. */
  lead(): { close(): Promise<void> }
}

/** What issues, renews and writes: nothing of it is there with EDGE_ISSUER=none. */
async function startIssuing(config: Config, store: Store, issuer: Issuer, permission: Permission): Promise<Issuing> {
  const sealer = createSealer({ key: config.storeKey, formerKey: config.storeKeyOld })
  const unwritten = createUnwritten(await openFileVault(join(config.dataDirectory, 'unwritten'), sealer))
  const budgets =
    config.issuer === 'local' ? undefined : createOrderBudgets(store.budgets, config.orderLimits, issuer.id)
  const obtainer = createObtainer({ store, issuer, permission, budgets, unwritten })
  let writing: ReturnType<typeof startWriting> | undefined
  return {
    issuer,
    obtainer,
    budgets,
    unwritten,
    changed(change) {
      if (change.kind === 'all') writing?.again()
      if (change.kind === 'certificate') obtainer.forget(change.name)
    },
    lead() {
      writing = startWriting(unwritten, obtainer)
      const renewals = startRenewals({ store, issuer, permission, obtainer })
      const endWildcard = config.dnsModule === undefined ? undefined : keepWildcard(`*.${config.host}`, obtainer)
      return {
        async close() {
          writing?.close()
          writing = undefined
          endWildcard?.()
          await renewals.close()
        },
      }
    },
  }
}

/** The worker's part: what each handshake gets. */
export async function openWorkerCertificates(config: Config, store: Store, channel: Channel): Promise<Certificates> {
  const [wildcard, dhparamsPem] = await Promise.all([
    config.wildcard && readCertificateFiles(`*.${config.host}`, config.wildcard),
    config.dhparamsFile === undefined ? undefined : readFile(config.dhparamsFile, 'utf8'),
  ])
  const vault = await openFallbackVault(config)
  const prepared = await prepare(channel)
  const hasWildcard = config.wildcard !== undefined || config.dnsModule !== undefined
  const permission = openPermission(config, store, hasWildcard)
  const served = await serveWithCopies(config, store, permission)
  const certificates = createCertificates({
    ...served,
    async obtain(name, lane, signal) {
      signal.throwIfAborted()
      await channel.call('manager', 'obtain', { name, lane }, ORDER_MS)
    },
    blotHost: config.host,
    fallback: wildcard ?? (await readFallback(vault, config)),
    ...(wildcard === undefined && {
      async renewFallback() {
        await prepare(channel)
        return readFallback(vault, config)
      },
    }),
    wildcard,
    dhparamsPem,
    issuerKind: config.issuer,
    issuerId: prepared?.issuerId ?? undefined,
    issueWaitMs: config.issueWaitMs,
  })
  const listeners: Certificates['changed'][] = [certificates.changed, served.changed]
  if (config.dnsModule !== undefined) listeners.push(await followWildcard(certificates, config, served))
  return {
    ...certificates,
    get fallback() {
      return certificates.fallback
    },
    changed(change) {
      for (const listener of listeners) listener(change)
    },
  }
}

/** With DNS-01, the certificate of `*.$BLOT_HOST` is in the store, and may come or be renewed at any time. */
async function followWildcard(
  certificates: Certificates,
  config: Config,
  served: Served,
): Promise<Certificates['changed']> {
  const name = `*.${config.host}`
  const load = async (): Promise<void> => {
    try {
      const wildcard = await readWithCopy(served, name)
      if (wildcard !== undefined) certificates.useWildcard(wildcard)
    } catch (error) {
      const message = 'wildcard certificate cannot be used'
      edgeChannel('fault').publish({ area: 'certificates', message, error, name })
    }
  }
  await load()
  return (change) => {
    if (change.kind === 'all' || (change.kind === 'certificate' && change.name === name)) void load()
  }
}

/** @param wildcard is there a certificate that covers previews? */
function openPermission(config: Config, store: Store, wildcard: boolean): CachedPermission {
  const { issuer: issuerKind, dnsModule, host: blotHost } = config
  return createPermission({
    source: config.permission,
    store: store.permission,
    own: { blotHost, issuerKind, wildcard, wildcardOrders: dnsModule !== undefined },
  })
}

/** A worker that starts while the manager is away goes on with the fallback certificate that is there. */
async function prepare(channel: Channel): Promise<{ issuerId: string | null } | undefined> {
  try {
    const [answer] = await channel.call('manager', 'prepare', null)
    return answer
  } catch {
    return undefined
  }
}

async function readFallback(vault: Vault, config: Config): Promise<StoredCertificate> {
  const fallback = await vault.read(config.host)
  if (fallback === undefined) throw new Error(`there is no fallback certificate in ${config.dataDirectory}`)
  return fallback
}

/** Beside the store: a machine that shares a Redis with others still has a fallback of its own. */
function openFallbackVault(config: Config): Promise<Vault> {
  return openFileVault(join(config.dataDirectory, 'fallback'))
}
