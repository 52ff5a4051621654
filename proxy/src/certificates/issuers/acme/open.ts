import { readFile } from 'node:fs/promises'
import type { Config } from '../../../config.ts'
import type { Issuer } from '../../contracts.ts'
import type { IssuerConfig, IssuerSurroundings } from '../open.ts'
import { loadX509 } from '../x509.ts'
import { createAnswers } from './answers.ts'
import { openDnsModule } from './dns-module.ts'
import type { AcmeEngine } from './engine.ts'
import { createAcmeIssuer } from './issuer.ts'

/** The issuer for EDGE_ISSUER=acme, with the engine that is configured. */
export async function openAcmeIssuer(config: IssuerConfig, { store, version }: IssuerSurroundings): Promise<Issuer> {
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
  if (name === 'acme-client') return (await import('../acme-client.ts')).openAcmeClient()
  return (await import('../greenlock/engine.ts')).openGreenlock()
}
