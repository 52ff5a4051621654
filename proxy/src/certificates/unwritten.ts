import { CertificateDenied, CertificateInvalid, StoreKeyUnknown } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { StoredCertificate, Vault } from './contracts.ts'
import type { Obtainer } from './obtain.ts'

/**
 * Certificates that were issued while the store was away: CAs limit their number, so that none may be lost. They wait in
 * a folder of this machine, and are what the next order for that name gives.
 */
export type Unwritten = {
  /** Never rejects: where this cannot be written either, it is told as a fault. */
  keep(certificate: StoredCertificate): Promise<void>
  read(name: string): Promise<StoredCertificate | undefined>
  remove(name: string): Promise<void>
  names(): AsyncIterable<string>
}

/** @param folder a vault on files, of this machine alone. */
export function createUnwritten(folder: Vault): Unwritten {
  return {
    async keep(certificate) {
      const { name } = certificate
      try {
        await folder.write(certificate)
      } catch (error) {
        edgeChannel('fault').publish({ area: 'certificates', message: 'issued certificate was lost', error, name })
      }
    },
    async read(name) {
      try {
        return await folder.read(name)
      } catch (error) {
        // Sealed under a key that is gone, it is lost, and must not stand in the way of another order for ever.
        if (!(error instanceof CertificateInvalid || error instanceof StoreKeyUnknown)) throw error
        edgeChannel('fault').publish({ area: 'certificates', message: 'kept certificate cannot be used', error, name })
        return undefined
      }
    },
    remove: (name) => folder.remove(name),
    names: () => folder.names(),
  }
}

const AGAIN_MS = 30_000

/** Has what is kept written: now, at intervals, and whenever `again` is called. @returns a function that ends it. */
export function startWriting(
  unwritten: Unwritten,
  obtainer: Pick<Obtainer, 'obtain'>,
): { again(): void; close(): void } {
  async function write(): Promise<void> {
    for await (const name of unwritten.names()) {
      try {
        await obtainer.obtain(name, { lane: 'renewal' })
      } catch (error) {
        if (error instanceof CertificateDenied) await unwritten.remove(name)
        // Else the store is still away: it stays.
      }
    }
  }
  const again = (): void => {
    write().catch((error: unknown) => {
      edgeChannel('fault').publish({ area: 'certificates', message: 'kept certificates cannot be read', error })
    })
  }
  const timer = setInterval(again, AGAIN_MS)
  timer.unref()
  again()
  return { again, close: () => clearInterval(timer) }
}
