import { AcmeProblem, codeOf } from '../../../errors.ts'
import { edgeChannel } from '../../../events.ts'
import { withDeadline } from '../../deadline.ts'
import { createAccountHolder, type ExternalAccount, type OpenAccount } from './account.ts'
import { makeCsr } from './csr.ts'
import { keyAuthorization } from './jws.ts'
import { pollUntilDone } from './poll.ts'
import { problemOfError } from './problem.ts'
import { askRenewalInfo } from './renewal-info.ts'
import { revoke } from './revoke.ts'
import { createSession, type AcmeSession, type Directory } from './session.ts'
import { createTransport, invalidAnswer, timedOut, type TransportOptions } from './transport.ts'
import type { AcmeAccounts, IssuedCertificate, Issuer, Order } from '../../contracts.ts'
import type { Answers } from './answers.ts'
import type { AcmeEngine, Challenge, EngineOrder } from './engine.ts'

export type AcmeIssuerOptions = TransportOptions & {
  readonly engine: AcmeEngine
  readonly answers: Answers
  readonly accounts: AcmeAccounts
  readonly email: string
  readonly externalAccount?: ExternalAccount | undefined
  /** For one order, from the account to the certificate. */
  readonly orderMs?: number
}

const ORDER_MS = 80_000
const faults = edgeChannel('fault')

/**
 * A CA that speaks ACME (RFC 8555). Its methods reject with AcmeProblem, and, where the store is away, with
 * EDGE_ERR_STORE_UNAVAILABLE.
 */
export function createAcmeIssuer(options: AcmeIssuerOptions): Issuer {
  const { engine, directoryUrl, orderMs = ORDER_MS } = options
  const closing = new AbortController()
  const transport = createTransport(options)
  const session = createSession(transport, directoryUrl)
  const account = createAccountHolder({ ...options, session, closing: closing.signal })

  async function issue(order: Order, signal: AbortSignal): Promise<IssuedCertificate> {
    const directory = await session.directory(signal)
    const prepared = { account: await account.open(signal), directory, signal }
    try {
      return splitChain(await carryOut(order, prepared, options, session))
    } catch (error) {
      if (!(error instanceof AcmeProblem) || error.problem.kind !== 'accountDoesNotExist') throw error
      const again = { ...prepared, account: await account.reopen(signal) }
      return splitChain(await carryOut(order, again, options, session))
    }
  }

  return {
    id: `acme:${new URL(directoryUrl).host}`,
    issue: (order) => explained((signal) => issue(order, signal), orderMs, order.signal, closing.signal),
    revoke: (certificate, reason, signal) =>
      explained(
        (limited) => revoke({ session, account }, certificate, reason, limited),
        orderMs,
        signal,
        closing.signal,
      ),
    renewalInfo: (chainPem, signal) =>
      explained((limited) => askRenewalInfo(session, chainPem, limited), orderMs, signal, closing.signal),
    async close() {
      closing.abort(new DOMException('the issuer closes', 'AbortError'))
      await Promise.all([engine.close(), transport.close()])
    },
  }
}

/** Under its deadline; an abort is told as an AcmeProblem too. */
async function explained<Value>(
  work: (signal: AbortSignal) => Promise<Value>,
  limitMs: number,
  ...outer: readonly AbortSignal[]
): Promise<Value> {
  try {
    return await withDeadline(limitMs, work, AbortSignal.any([...outer]))
  } catch (error) {
    throw error instanceof DOMException ? timedOut(error) : error
  }
}

type Prepared = { readonly account: OpenAccount; readonly directory: Directory; readonly signal: AbortSignal }

async function carryOut(
  order: Order,
  { account, directory, signal }: Prepared,
  { engine, answers, directoryUrl }: AcmeIssuerOptions,
  session: AcmeSession,
): Promise<string> {
  const { names, privateKeyPem } = order
  const presented: Challenge[] = []
  const authorise = ({ token }: Challenge): string => keyAuthorization(token, account.jwk)
  // An engine may garble what it is told; what it was told first is what happened.
  let reason: unknown
  const noted = <Value>(work: Promise<Value>): Promise<Value> => {
    work.catch((error: unknown) => (reason ??= error))
    return work
  }
  const post: EngineOrder['post'] = (url, payload) => {
    const whole = url === directory.newOrder ? { ...payload, ...replacement(order, directory) } : payload
    return session.post(account, url, whole, signal)
  }

  try {
    const csrPem = await makeCsr(names, privateKeyPem)
    return await engine.order({
      names,
      csrPem,
      privateKeyPem,
      account,
      directoryUrl,
      directory,
      signal,
      challengeTypes: answers.typesFor(names),
      post: (url, payload) => noted(post(url, payload)),
      present(challenge) {
        presented.push(challenge)
        return noted(answers.present(challenge, authorise(challenge), signal))
      },
      settle: (url, name) => noted(settle(() => post(url, undefined), name, signal)),
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (reason !== undefined) throw reason
    if (error instanceof AcmeProblem) throw error
    throw new AcmeProblem({ kind: 'invalidAnswer', status: 0, detail: wordsOf(error) }, { cause: error })
  } finally {
    await Promise.all(presented.map((challenge) => withdraw(challenge, authorise(challenge), answers)))
  }
}

/** RFC 9773 5: told to CAs that know of it. */
function replacement({ replaces }: Order, { renewalInfo }: Directory): { replaces?: string } {
  return replaces === undefined || renewalInfo === undefined ? {} : { replaces }
}

async function settle(
  look: () => ReturnType<EngineOrder['post']>,
  name: string,
  signal: AbortSignal,
): ReturnType<EngineOrder['settle']> {
  const resource = await pollUntilDone(look, signal)
  if (resource['status'] === 'valid') return resource
  if (resource['status'] === 'invalid') throw problemOfError(resource['error'], name)
  throw invalidAnswer(`${name} is neither valid nor invalid but ${JSON.stringify(resource['status'])}`)
}

/** Whatever comes of the order: what stays behind is told, and fails nothing. */
async function withdraw(challenge: Challenge, authorisation: string, answers: Answers): Promise<void> {
  try {
    await answers.withdraw(challenge, authorisation)
  } catch (error) {
    faults.publish({ area: 'certificates', message: 'the answer of a challenge could not be withdrawn', error })
  }
}

function splitChain(pem: string): IssuedCertificate {
  const [leaf, ...rest] = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (leaf === undefined) throw invalidAnswer('what it issued is no certificate')
  return { certificatePem: `${leaf}\n`, chainPem: rest.map((block) => `${block}\n`).join('') }
}

function wordsOf(error: unknown): string {
  return (error instanceof Error && error.message.slice(0, 1_000)) || codeOf(error)
}
