import type { Config } from '../config.ts'
import type { Finding } from './finding.ts'

/** @param shown EDGE_STORE with its secrets masked. @param limitMs how long Redis may take to answer. */
export async function checkStore(config: Partial<Config>, shown: string, limitMs: number): Promise<Finding[]> {
  const { store, storeKey, webhookPaths = [] } = config
  if (store?.kind !== 'redis') return []
  const isSealed = { variable: 'EDGE_STORE_KEY', value: '***', ok: true, message: SEALED }
  const answered = await askRedis(store.url, limitMs, webhookPaths.length > 0)
  const redis = answered.map((one) => ({ variable: 'EDGE_STORE', value: shown, ...one }))
  return [...redis, ...(storeKey === undefined ? [] : [isSealed])]
}

const SILENT =
  'does not tell when the app removes a domain, which is noticed within 5 minutes: redis-cli config set notify-keyspace-events Kg$ would have it noticed at once'
const FORGETFUL =
  'writes snapshots alone: its crash loses webhooks that were acknowledged since the last one. redis-cli config set appendonly yes keeps them'
const SEALED =
  'encrypts private keys: lua-resty-auto-ssl cannot read them. The way back is EDGE_STORE_KEY_OLD without EDGE_STORE_KEY, or certificates export'

type Answered = Pick<Finding, 'ok' | 'message'>

async function askRedis(url: string, limitMs: number, keepsWebhooks: boolean): Promise<Answered[]> {
  // Loaded here: the other commands need no Redis client to start.
  const { pingRedis } = await import('../store/ping.ts')
  try {
    const { tellsOfKeys, isAppending } = await pingRedis(url, limitMs)
    const said = ['answers']
    if (!tellsOfKeys) said.push(SILENT)
    if (keepsWebhooks && isAppending === false) said.push(FORGETFUL)
    return said.map((message) => ({ ok: true, message }))
  } catch (error) {
    return [{ ok: false, message: error instanceof Error ? error.message : String(error) }]
  }
}
