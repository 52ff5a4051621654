import type { AdminCertificates } from '../admin/contracts.ts'
import { importCertificate } from '../certificates/import.ts'
import { checkServerName } from '../certificates/names.ts'
import type { Config } from '../config.ts'
import { CertificateNameInvalid, CertificatesReadOnly } from '../errors.ts'
import type { Store } from '../store/open.ts'
import type { CertificateManager } from './certificates.ts'

const IMPORT_MS = 30_000

/** What the admin API may do with certificates: operations under the names as people write them, and imports. */
export function openAdminCertificates(
  { issuer }: Pick<Config, 'issuer'>,
  store: Store,
  { operations }: Pick<CertificateManager, 'operations'>,
): AdminCertificates {
  const normalise = (raw: string): string => {
    const wildcard = raw.startsWith('*.') ? '*.' : ''
    const name = checkServerName(raw.slice(wildcard.length), issuer === 'local')
    if (name === undefined) throw new CertificateNameInvalid(JSON.stringify(raw.slice(0, 80)))
    return wildcard + name
  }
  return {
    list: () => operations.list(),
    show: async (name) => operations.show(normalise(name)),
    issue: async (name, options) => operations.issue(normalise(name), options),
    renewAll: (options) => operations.renewAll(options),
    revoke: async (name, reason) => operations.revoke(normalise(name), reason),
    remove: async (name) => operations.remove(normalise(name)),
    async import(offered, isTrial) {
      if (issuer === 'none') throw new CertificatesReadOnly()
      return importCertificate(store, offered, { isTrial, signal: AbortSignal.timeout(IMPORT_MS) })
    },
  }
}
