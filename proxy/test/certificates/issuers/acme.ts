import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createAnswers } from '../../../src/certificates/issuers/acme/answers.ts'
import { createAcmeIssuer } from '../../../src/certificates/issuers/acme/issuer.ts'
import { openAcmeClient } from '../../../src/certificates/issuers/acme-client.ts'
import { openGreenlock } from '../../../src/certificates/issuers/greenlock/engine.ts'
import { AcmeProblem, type AcmeProblemFields } from '../../../src/errors.ts'
import { joinPem } from '../../../src/certificates/verify.ts'
import { makeKey } from '../factory.ts'
import type { AcmeIssuerOptions } from '../../../src/certificates/issuers/acme/issuer.ts'
import type { AcmeAccount, AcmeAccounts, ChallengeTokens, Issuer } from '../../../src/certificates/contracts.ts'
import type { AcmeEngine } from '../../../src/certificates/issuers/acme/engine.ts'

/** What holds for one engine holds for the other. */
export const ENGINES: Readonly<Record<string, (t: Test) => Promise<AcmeEngine>>> = {
  greenlock: (t) => keep(t, openGreenlock()),
  'acme-client': (t) => keep(t, openAcmeClient()),
}

/** Shared by the issuers of a test, and closed after them. */
async function keep(t: Test, opening: Promise<AcmeEngine>): Promise<AcmeEngine> {
  const engine = await opening
  t.teardown(() => engine.close())
  return { order: engine.order, close: async () => {} }
}

export function memoryTokens(): ChallengeTokens & { readonly held: Map<string, string>; most: number } {
  const held = new Map<string, string>()
  return {
    held,
    most: 0,
    async put(token, keyAuthorization) {
      held.set(token, keyAuthorization)
      this.most = Math.max(this.most, held.size)
    },
    read: async (token) => held.get(token),
    async remove(token) {
      held.delete(token)
    },
  }
}

export function memoryAccounts(): AcmeAccounts & { readonly held: Map<string, AcmeAccount> } {
  const held = new Map<string, AcmeAccount>()
  const keyOf = ({ directoryUrl, email }: { directoryUrl: string; email: string }): string => `${directoryUrl} ${email}`
  return {
    held,
    read: async (id) => held.get(keyOf(id)),
    async keepFirst(account) {
      const first = held.get(keyOf(account)) ?? account
      held.set(keyOf(first), first)
      return first
    },
  }
}

/** Answers HTTP-01 out of these tokens, for every host. @returns its port. */
export async function answerChallenges(t: Test, tokens: ChallengeTokens): Promise<number> {
  const server = createServer((request, response) => {
    const token = request.url?.split('/').at(-1) ?? ''
    void tokens.read(token).then((found) => response.writeHead(found === undefined ? 404 : 200).end(found))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

export type TestIssuer = Issuer & {
  readonly tokens: ReturnType<typeof memoryTokens>
  readonly accounts: ReturnType<typeof memoryAccounts>
}
type Ca = { readonly directoryUrl: string; readonly caPem: string }

/** An issuer with a store in memory, which closes with the test. */
export function openTestIssuer(
  t: Test,
  engine: AcmeEngine,
  ca: Ca,
  options: Partial<AcmeIssuerOptions> & Partial<Pick<TestIssuer, 'tokens' | 'accounts'>> = {},
): TestIssuer {
  const { tokens = memoryTokens(), accounts = memoryAccounts() } = options
  const issuer = createAcmeIssuer({
    directoryUrl: ca.directoryUrl,
    caPem: ca.caPem,
    userAgent: 'blot-edge/test',
    email: 'operator@example.com',
    answers: createAnswers(tokens, undefined),
    engine,
    ...options,
    accounts,
  })
  t.teardown(() => issuer.close?.())
  return { ...issuer, tokens, accounts }
}

/** Orders one certificate. @returns what a vault would hold. */
export async function obtain(
  issuer: Issuer,
  names: readonly string[],
  signal: AbortSignal = AbortSignal.timeout(60_000),
): Promise<{ chainPem: string; privateKeyPem: string }> {
  const privateKeyPem = makeKey()
  const { certificatePem, chainPem } = await issuer.issue({ names, privateKeyPem, signal })
  return { chainPem: joinPem(certificatePem, chainPem), privateKeyPem }
}

/** How an order failed. */
export async function problemOf(work: Promise<unknown>): Promise<AcmeProblemFields> {
  const error = await work.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  )
  if (error instanceof AcmeProblem) return error.problem
  throw error
}
