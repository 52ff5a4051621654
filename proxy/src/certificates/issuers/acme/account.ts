import { untilAborted, withDeadline } from '../../deadline.ts'
import { generateServerKey } from '../../keys.ts'
import { createSingleflight } from '../../singleflight.ts'
import { bindExternally, signingKey } from './jws.ts'
import { invalidAnswer } from './transport.ts'
import type { AcmeAccount, AcmeAccounts } from '../../contracts.ts'
import type { AcmeSession, Signer } from './session.ts'

/** Given out by a CA that issues to its customers only (RFC 8555 7.3.4). `hmac`: base64url. */
export type ExternalAccount = { readonly keyId: string; readonly hmac: string }

export type AccountOptions = {
  readonly directoryUrl: string
  readonly email: string
  readonly externalAccount?: ExternalAccount | undefined
  readonly accounts: AcmeAccounts
  readonly session: AcmeSession
  /** Of the issuer. */
  readonly closing: AbortSignal
}

/** An account that is there, with its key. */
export type OpenAccount = Signer & { readonly accountUrl: string }

const OPEN_MS = 60_000

export type AccountHolder = {
  /** The account of this CA and address: kept one, or registered now. Rejects with AcmeProblem, or the store's error. */
  open(signal: AbortSignal): Promise<OpenAccount>
  /** For a CA that was set up anew and has forgotten its accounts, as those for tests are: the kept key gets another one. */
  reopen(signal: AbortSignal): Promise<OpenAccount>
}

export function createAccountHolder(options: AccountOptions): AccountHolder {
  const { directoryUrl, email, accounts } = options
  const flights = createSingleflight<OpenAccount>()
  let held: OpenAccount | undefined

  async function find(signal: AbortSignal): Promise<OpenAccount> {
    const kept = await accounts.read({ directoryUrl, email })
    const account = kept ?? (await accounts.keepFirst(await register(await generateServerKey(), options, signal)))
    return { ...signingKey(account.privateKeyPem), accountUrl: account.url }
  }

  async function findAgain(signal: AbortSignal): Promise<OpenAccount> {
    const kept = await accounts.read({ directoryUrl, email })
    const { privateKeyPem, url } = await register(kept?.privateKeyPem ?? (await generateServerKey()), options, signal)
    return { ...signingKey(privateKeyPem), accountUrl: url }
  }

  /** Orders that come at the same time share one registration: it does not end with one of them. */
  async function share(work: (signal: AbortSignal) => Promise<OpenAccount>, signal: AbortSignal): Promise<OpenAccount> {
    const flight = flights.run('account', () => withDeadline(OPEN_MS, work, options.closing))
    held = await untilAborted(flight, signal)
    return held
  }

  return {
    open: async (signal) => held ?? share(find, signal),
    reopen: (signal) => share(findAgain, signal),
  }
}

/** RFC 8555 7.3. Whoever names a mail address for the CA has agreed to its terms: EDGE_ACME_EMAIL says so. */
async function register(privateKeyPem: string, options: AccountOptions, signal: AbortSignal): Promise<AcmeAccount> {
  const { session, directoryUrl, email, externalAccount } = options
  const key = signingKey(privateKeyPem)
  const { newAccount } = await session.directory(signal)
  const binding = externalAccount && {
    externalAccountBinding: bindExternally(key.jwk, externalAccount, newAccount),
  }
  const payload = { termsOfServiceAgreed: true, contact: [`mailto:${email}`], ...binding }
  const { location, status } = await session.post(key, newAccount, payload, signal)
  if (location === undefined) throw invalidAnswer('the new account has no URL', status)
  return { directoryUrl, email, url: location, privateKeyPem }
}
