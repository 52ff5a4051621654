import type { StoredCertificate, VaultReader } from '../certificates/contracts.ts'
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
}

/**
 * With Redis, has each certificate copied that a worker reads from the vault (which it does only for names that are
 * permitted), and a copy dropped when its name is denied or its certificate gone. A machine that cannot copy serves all the same.
 */
export async function serveWithCopies(config: Config, store: Store, permission: CachedPermission): Promise<Served> {
  const { vault } = store
  if (config.store.kind === 'file') return { vault, permission, copies: vault }
  try {
    const copies = await openCopies(config)
    return { vault: copyRead(vault, copies), permission: dropDenied(permission, copies), copies }
  } catch (error) {
    edgeChannel('fault').publish({ area: 'lifecycle', message: 'certificates are not copied', error })
    return { vault, permission, copies: undefined }
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
