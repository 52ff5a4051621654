import { readFile } from 'node:fs/promises'
import { createAnswers } from './acme/answers.ts'
import { openDnsModule } from './acme/dns-module.ts'
import { createAcmeIssuer } from './acme/issuer.ts'
import { openLocalIssuer } from './local.ts'
import { loadX509 } from './x509.ts'
import type { Config } from '../../config.ts'
import type { CertificateStore, Issuer } from '../contracts.ts'
import type { AcmeEngine } from './acme/engine.ts'

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
  return config.issuer === 'local' ? openLocalIssuer(config.dataDirectory) : openAcmeIssuer(config, surroundings)
}

async function openAcmeIssuer(config: IssuerConfig, { store, version }: IssuerSurroundings): Promise<Issuer> {
  const { dnsModule, dnsOptions = {}, acmeEmail = '' } = config
  const [caPem, dns, engine] = await Promise.all([
    config.acmeCaFile === undefined ? undefined : readFile(config.acmeCaFile, 'utf8'),
    dnsModule && openDnsModule({ ...dnsModule, options: dnsOptions }),
    openEngine(config.acmeEngine),
    // Now, so that the first order does not wait for it.
    loadX509(),
  ])
  return createAcmeIssuer({
    directoryUrl: config.acmeDirectory,
    caPem,
    userAgent: `blot-edge/${version}`,
    email: acmeEmail,
    externalAccount: config.externalAccount,
    accounts: store.accounts,
    answers: createAnswers(store.tokens, dns),
    engine,
  })
}

/** Loaded when it is chosen: neither is small. */
async function openEngine(name: Config['acmeEngine']): Promise<AcmeEngine> {
  if (name === 'acme-client') return (await import('./acme-client.ts')).openAcmeClient()
  return (await import('./greenlock/engine.ts')).openGreenlock()
}
