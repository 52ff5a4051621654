import type { Change, StoredCertificate, VaultReader } from '../certificates/contracts.ts'
import type { CachedPermission } from '../certificates/permission.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { openCopies, type Copies } from '../store/copies.ts'
import type { Store } from '../store/open.ts'

/** What a worker serves from. */
export type Served = {
  readonly vault: VaultReader
  readonly permission: CachedPermission
  /** What this machine can still read while the store is away. Files are their own copy. */
  readonly copies: VaultReader | undefined
  /** Something about a name changed in the store: a copy of it may have to go, also of one that is not in memory. */
  changed(change: Change | { readonly kind: 'all' }): void
}

/** Names whose copies wait to be looked at; what is beyond them is looked at when it is next asked for. */
const MAX_WAITING = 10_000
const ASK_MS = 1000

/**
 * With Redis, has each certificate copied that a worker reads from the vault (which it does only for names that are
 * permitted), and a copy dropped when its name is denied or its certificate gone. A machine that cannot copy serves all the same.
 */
export async function serveWithCopies(config: Config, store: Store, permission: CachedPermission): Promise<Served> {
  const { vault } = store
  if (config.store.kind === 'file') return { vault, permission, copies: vault, changed: ignore }
  try {
    const copies = await openCopies(config)
    const served = { vault: copyRead(vault, copies), permission: dropDenied(permission, copies), copies }
    return { ...served, changed: createRecheck(served) }
  } catch (error) {
    edgeChannel('fault').publish({ area: 'lifecycle', message: 'certificates are not copied', error })
    return { vault, permission, copies: undefined, changed: ignore }
  }
}

/** For what no handshake finds: the certificate in the vault, or while that is away the copy of this machine. */
export async function readWithCopy({ vault, copies }: Served, name: string): Promise<StoredCertificate | undefined> {
  try {
    return await vault.read(name)
  } catch (error) {
    const copy = await copies?.read(name)
    if (copy === undefined) throw error
    return copy
  }
}

function copyRead(vault: VaultReader, copies: Copies): VaultReader {
  return {
    async read(name) {
      const certificate = await vault.read(name)
      if (certificate === undefined) copies.drop(name)
      else copies.keep(certificate)
      return certificate
    },
  }
}

function dropDenied(permission: CachedPermission, copies: Copies): CachedPermission {
  return {
    ...permission,
    async ask(name, signal) {
      const isPermitted = await permission.ask(name, signal)
      if (!isPermitted) copies.drop(name)
      return isPermitted
    },
  }
}

/** Asks of one name after the other whether it is still permitted, and still there: those who ask drop the copy if not. */
function createRecheck({ vault, permission, copies }: Omit<Served, 'changed'> & { copies: Copies }): Served['changed'] {
  const names = new Set<string>()
  let isWorking = false

  async function recheck(name: string): Promise<void> {
    if ((await copies.read(name)) === undefined) return
    const isPermitted = name.startsWith('*.') || (await permission.ask(name, AbortSignal.timeout(ASK_MS)))
    if (isPermitted) await vault.read(name)
  }

  async function work(): Promise<void> {
    if (isWorking) return
    isWorking = true
    for (const name of names) {
      names.delete(name)
      // Where nobody can say, the copy stays what it was: permitted when it was saved.
      await recheck(name).catch(ignore)
    }
    isWorking = false
  }

  return (change) => {
    if ((change.kind !== 'permission' && change.kind !== 'certificate') || names.size >= MAX_WAITING) return
    names.add(change.name)
    void work()
  }
}

function ignore(): void {}
