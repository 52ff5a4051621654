import { openLocalIssuer } from './local.ts'
import type { Config } from '../../config.ts'
import type { CertificateStore, Issuer } from '../contracts.ts'

export type IssuerConfig = Pick<
  Config,
  | 'issuer'
  | 'dataDirectory'
  | 'acmeEngine'
  | 'acmeDirectory'
  | 'acmeEmail'
  | 'acmeCaFile'
  | 'externalAccount'
  | 'dnsModule'
  | 'dnsOptions'
>

export type IssuerSurroundings = {
  readonly store: Pick<CertificateStore, 'tokens' | 'accounts'>
  /** Of the edge, for the CA's statistics (RFC 8555 6.1). */
  readonly version: string
}

/**
 * The issuer that the configuration names; it is closed by whoever opened it. Contacts nobody yet.
 * @returns undefined with EDGE_ISSUER=none.
 */
export async function openIssuer(config: IssuerConfig, surroundings: IssuerSurroundings): Promise<Issuer | undefined> {
  if (config.issuer === 'none') return undefined
  if (config.issuer === 'local') return openLocalIssuer(config.dataDirectory)
  // Workers never order: they load none of it.
  const { openAcmeIssuer } = await import('./acme/open.ts')
  return openAcmeIssuer(config, surroundings)
}
