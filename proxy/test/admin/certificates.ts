import type { Test } from 'tap'
import type { AdminCertificates } from '../../src/admin/contracts.ts'
import { createCertificateOperations } from '../../src/certificates/operations.ts'
import { importCertificate } from '../../src/certificates/import.ts'
import { namesPermission } from '../../src/certificates/permission.ts'
import { openStore } from '../../src/store/open.ts'
import { makeCertificate } from '../certificates/factory.ts'

/** A store of files with these names in it, as the manager shows it with EDGE_ISSUER=none, but for imports. */
export async function openCertificates(t: Test, names: readonly string[]): Promise<AdminCertificates> {
  const store = await openStore({
    store: { kind: 'file', directory: t.testdir() },
    storePrefix: 'ssl',
    host: 'blot.localhost',
  })
  for (const name of names) await store.vault.write(await makeCertificate(name))
  t.teardown(() => store.close())
  const permission = namesPermission(names)
  return {
    ...createCertificateOperations({ store, permission, issuing: undefined }),
    import: (offered, isTrial) => importCertificate(store, offered, { isTrial, signal: AbortSignal.timeout(5000) }),
  }
}
