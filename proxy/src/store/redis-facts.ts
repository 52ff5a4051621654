import { Redis } from 'ioredis'
import { StoreUnavailable } from '../errors.ts'
import { redisOptions } from './redis.ts'

/** What an operator should know of a Redis that holds certificates. Undefined is what it does not tell us. */
export type RedisFacts = {
  readonly version: string | undefined
  readonly isReplica: boolean
  /** Does it keep what it holds over a restart: snapshots (`save`) or the append-only file? */
  readonly isPersistent: boolean | undefined
  /** Does it write down each change (`appendonly`), so that its crash loses nothing that was acknowledged? */
  readonly isAppending: boolean
  /** Did the last snapshot, or the last write to the append-only file, fail? */
  readonly hasFailedToSave: boolean
  readonly maxMemoryBytes: number
  readonly usedMemoryBytes: number
  readonly evictionPolicy: string | undefined
  /** Anybody who reaches its port may do anything. */
  readonly isOpenToAll: boolean
  /** Its clock, ms since the epoch, and ours at the same moment. */
  readonly clock: { readonly theirsMs: number; readonly oursMs: number }
}

/** Asks a Redis about itself. @throws EDGE_ERR_STORE_UNAVAILABLE */
export async function readRedisFacts(url: string, limitMs: number): Promise<RedisFacts> {
  const never = { retryStrategy: () => null, sentinelRetryStrategy: () => null }
  const redis = new Redis({ ...redisOptions(url), ...never, commandTimeout: limitMs, enableReadyCheck: false })
  // Each question rejects by itself.
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    const info = parseInfo(await redis.info())
    const settings = await readSettings(redis)
    const [seconds, micros] = await redis.time()
    const clock = { theirsMs: Number(seconds) * 1000 + Number(micros) / 1000, oursMs: Date.now() }
    return { ...describe(info, settings), clock }
  } catch (error) {
    // No `cause`: ioredis hangs the command on its errors, and that of a refused log-in holds the password.
    throw new StoreUnavailable(error instanceof Error ? error.message : String(error))
  } finally {
    redis.disconnect()
  }
}

const SETTINGS = ['save', 'appendonly', 'maxmemory-policy', 'bind', 'protected-mode', 'requirepass'] as const
type Settings = ReadonlyMap<string, string>

/** Hosted Redis often does not let its settings be read: then there are none. */
async function readSettings(redis: Redis): Promise<Settings> {
  const rows = await Promise.all(SETTINGS.map((name) => redis.config('GET', name).catch(() => [])))
  return new Map(
    rows.flatMap((row) => (Array.isArray(row) && row.length === 2 ? [[String(row[0]), String(row[1])]] : [])),
  )
}

/** Lines `name:value` and headings (https://redis.io/commands/info). */
function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(':'))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
}

function describe(info: ReadonlyMap<string, string>, settings: Settings): Omit<RedisFacts, 'clock'> {
  const save = settings.get('save')
  const isAppending = info.get('aof_enabled') === '1'
  const isBoundToAll = (settings.get('bind') ?? '127.0.0.1')
    .split(' ')
    .some((address) => /^-?(\*|0\.0\.0\.0|::\*?)$/.test(address))
  return {
    version: info.get('redis_version'),
    isReplica: info.get('role') === 'slave',
    isAppending,
    isPersistent: isAppending ? true : save === undefined ? undefined : save !== '',
    hasFailedToSave: info.get('rdb_last_bgsave_status') === 'err' || info.get('aof_last_write_status') === 'err',
    maxMemoryBytes: Number(info.get('maxmemory') ?? 0),
    usedMemoryBytes: Number(info.get('used_memory') ?? 0),
    evictionPolicy: info.get('maxmemory_policy') ?? settings.get('maxmemory-policy'),
    isOpenToAll: isBoundToAll && settings.get('protected-mode') === 'no' && settings.get('requirepass') === '',
  }
}
