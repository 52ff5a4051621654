import type { Config } from '../config.ts'
import type { Finding } from './finding.ts'

/** How long Redis may take to answer, ms. */
const limitMs = 1000

/** @param shown EDGE_STORE with its secrets masked. */
export async function checkStore(config: Partial<Config>, shown: string): Promise<Finding[]> {
  const { store, storeKey } = config
  if (store?.kind !== 'redis') return []
  const isSealed = { variable: 'EDGE_STORE_KEY', value: '***', ok: true, message: SEALED }
  return [...(await checkRedis(store.url, shown)), ...(storeKey === undefined ? [] : [isSealed])]
}

const SEALED =
  'encrypts private keys: lua-resty-auto-ssl cannot read them. The way back is EDGE_STORE_KEY_OLD without EDGE_STORE_KEY, or certificates export'

async function checkRedis(url: string, shown: string): Promise<Finding[]> {
  const finding = { variable: 'EDGE_STORE', value: shown }
  // Loaded here: the other commands need no Redis client to start.
  const { pingRedis } = await import('../store/ping.ts')
  try {
    const { tellsOfKeys } = await pingRedis(url, limitMs)
    const answers = { ...finding, ok: true, message: 'answers' }
    const message = 'does not tell when the app removes a domain, which is noticed within 5 minutes: '
    const mend = 'redis-cli config set notify-keyspace-events Kg$ would have it noticed at once'
    return tellsOfKeys ? [answers] : [answers, { ...finding, ok: true, message: message + mend }]
  } catch (error) {
    return [{ ...finding, ok: false, message: error instanceof Error ? error.message : String(error) }]
  }
}
