import type { Config } from '../config.ts'
import { CertificateInvalid, codeOf } from '../errors.ts'
import type { Store } from '../store/open.ts'

/** Does the store answer? @returns what the edge is without now: a sentence, or nothing. */
export function findAway(config: Pick<Config, 'host'>, store: Store): Promise<string[]> {
  return store.vault.read(config.host).then(() => [], storeFault)
}

/** A certificate that must not be served is an answer, too. */
function storeFault(error: unknown): string[] {
  return error instanceof CertificateInvalid ? [] : [`the store does not answer (${codeOf(error)})`]
}
