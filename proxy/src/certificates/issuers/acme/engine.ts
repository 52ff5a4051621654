import type { OpenAccount } from './account.ts'
import type { AcmeAnswer, Directory } from './session.ts'

/** What leads a CA through an order (RFC 8555 7.4). All requests, secrets and time limits are the issuer's. */
export type AcmeEngine = {
  /** @returns the chain, leaf first, PEM. What `order` rejects with passes through. */
  order(order: EngineOrder): Promise<string>
  close(): Promise<void>
}

export type EngineOrder = {
  readonly names: readonly string[]
  readonly csrPem: string
  readonly privateKeyPem: string
  readonly account: OpenAccount
  readonly directoryUrl: string
  readonly directory: Directory
  /** Of challenges that can be answered for these names, the preferred one first. */
  readonly challengeTypes: readonly ChallengeType[]
  readonly signal: AbortSignal
  /** Signed by the account. @param payload undefined: POST-as-GET. */
  post(url: string, payload: object | undefined): Promise<AcmeAnswer>
  /** Resolves once the CA may look for the answer. It is withdrawn when the order ends. */
  present(challenge: Challenge): Promise<void>
  /** Looks at a challenge or an order until it is valid, which it returns. Rejects with the CA's reason when it becomes invalid. */
  settle(url: string, name: string): Promise<Exclude<AcmeAnswer['body'], string>>
}

export type ChallengeType = 'http-01' | 'dns-01'

export type Challenge = {
  readonly type: ChallengeType
  /** Of the identifier: without `*.` for a wildcard. */
  readonly name: string
  readonly wildcard: boolean
  readonly token: string
}

/** The challenge that is answered, of those that a CA offers. Throws where none can be. */
export function chooseChallenge<Offered extends { readonly type: string }>(
  name: string,
  offered: readonly Offered[],
  types: readonly ChallengeType[],
): Offered & { readonly type: ChallengeType } {
  for (const type of types) {
    const challenge = offered.find((candidate) => candidate.type === type)
    if (challenge !== undefined) return { ...challenge, type }
  }
  const theirs = offered.map(({ type }) => type).join(', ')
  throw new Error(`for ${name} it offers ${theirs || 'no challenge'}; this edge answers ${types.join(', ')}`)
}
