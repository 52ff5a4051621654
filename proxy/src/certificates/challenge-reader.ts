import { StoreUnavailable } from '../errors.ts'
import { networkOf } from '../network.ts'
import { createTally } from './waiting.ts'
import type { ChallengeTokens } from './contracts.ts'

/** Of one worker: more than any CA asks at a time, and little enough that strangers cannot fill the store's queue. */
const MAX_UNDERWAY = 64
/** Of one network: a CA looks from several, and a single stranger cannot keep it out. */
const MAX_OF_NETWORK = 16

/**
 * The answer to HTTP-01 (RFC 8555 8.3) for a token that some machine was given. @returns undefined for any other token.
 * Rejects with EDGE_ERR_STORE_UNAVAILABLE, also when too many are asked for at one time.
 * @param address of whoever asks.
 */
export type ChallengeReader = (token: string, address: string) => Promise<string | undefined>

export function createChallengeReader(tokens: Pick<ChallengeTokens, 'read'>): ChallengeReader {
  let underway = 0
  const networks = createTally()
  return async (token, address) => {
    const network = networkOf(address)
    if (underway >= MAX_UNDERWAY || networks.of(network) >= MAX_OF_NETWORK)
      throw new StoreUnavailable('too many challenges are asked for')
    underway += 1
    networks.add(network, 1)
    try {
      return await tokens.read(token)
    } finally {
      underway -= 1
      networks.add(network, -1)
    }
  }
}
