import { withDeadline } from '../../deadline.ts'
import { invalidAnswer } from './transport.ts'
import type { ChallengeTokens } from '../../contracts.ts'
import type { DnsModule } from './dns-module.ts'
import type { Challenge, ChallengeType } from './engine.ts'

/** What a CA finds when it looks, over HTTP or in DNS. */
export type Answers = {
  typesFor(names: readonly string[]): readonly ChallengeType[]
  /** Resolves once the CA may look. */
  present(challenge: Challenge, keyAuthorization: string, signal: AbortSignal): Promise<void>
  /** Rejects when a DNS record stays. */
  withdraw(challenge: Challenge, keyAuthorization: string): Promise<void>
}

/** For the machine that dies in the middle of an order; no order lasts longer. */
const TOKEN_MS = 5 * 60_000
const WITHDRAW_MS = 30_000
/** RFC 8555 8.3. */
const TOKEN = /^[A-Za-z0-9_-]{1,128}$/

export function createAnswers(tokens: ChallengeTokens, dns: DnsModule | undefined): Answers {
  return {
    // A wildcard is shown by DNS alone (RFC 8555 7.1.3); the DNS of customers is not ours to write.
    typesFor: (names) =>
      dns !== undefined && names.some((name) => name.startsWith('*.')) ? ['http-01', 'dns-01'] : ['http-01'],

    async present(challenge, keyAuthorization, signal) {
      if (!TOKEN.test(challenge.token)) throw invalidAnswer('the token of its challenge is not base64url')
      if (challenge.type === 'dns-01') await dns?.set(challenge, keyAuthorization, signal)
      else await tokens.put(challenge.token, keyAuthorization, TOKEN_MS)
    },

    async withdraw(challenge, keyAuthorization) {
      if (challenge.type === 'http-01') await tokens.remove(challenge.token)
      else await withDeadline(WITHDRAW_MS, async (signal) => dns?.remove(challenge, keyAuthorization, signal))
    },
  }
}
