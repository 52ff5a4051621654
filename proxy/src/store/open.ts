import { join } from 'node:path'
import { createAccounts } from './accounts.ts'
import { createFailures } from './failures.ts'
import { createFileBudgets } from './file-budgets.ts'
import { openFileChanges } from './file-changes.ts'
import { openFileLocker } from './file-locker.ts'
import { createFileRecords } from './file-records.ts'
import { createFileSchedule } from './file-schedule.ts'
import { createFileState } from './file-state.ts'
import { openFileVault } from './file-vault.ts'
import { createRedisBudgets } from './redis-budgets.ts'
import { createRedisChanges } from './redis-changes.ts'
import { createRedisLocker } from './redis-locker.ts'
import { createRedisPermission } from './redis-permission.ts'
import { createRedisPurgeStream } from './redis-purge-stream.ts'
import { createRedisRecords } from './redis-records.ts'
import { createRedisSchedule } from './redis-schedule.ts'
import { createRedisVault } from './redis-vault.ts'
import { openRedis } from './redis.ts'
import { createSealer } from './seal.ts'
import { createTickets } from './tickets.ts'
import { createTokens } from './tokens.ts'
import type { CertificateStore, Permission } from '../certificates/contracts.ts'
import type { Config } from '../config.ts'
import type { PurgeStream } from '../purge.ts'
import type { Records } from './records.ts'
import type { Sealer } from './seal.ts'

/** What all processes, and with Redis all machines, share. */
export type Store = CertificateStore & {
  /** The app's allow-list, where the store holds it. */
  readonly permission: Permission | undefined
  /** The purges of all machines, where several can share the store. */
  readonly purges: PurgeStream | undefined
  close(): Promise<void>
}

export type StoreConfig = Pick<Config, 'store' | 'storePrefix' | 'host'> &
  Partial<Pick<Config, 'storeKey' | 'storeKeyOld' | 'issuer'>>

/**
 * Opens the store that the configuration names. Files: rejects with the error of the file system. Redis: resolves also while it
 * is away; then every question to it rejects with EDGE_ERR_STORE_UNAVAILABLE until it is back.
 */
export async function openStore(config: StoreConfig): Promise<Store> {
  const { store, storeKey: key, storeKeyOld: formerKey } = config
  const sealer = createSealer({ key, formerKey, readOnly: config.issuer === 'none' })
  return store.kind === 'file' ? openFiles(store.directory, sealer) : openShared(store.url, config, sealer)
}

async function openFiles(directory: string, sealer: Sealer): Promise<Store> {
  const vault = await openFileVault(join(directory, 'certificates'), sealer)
  const locker = await openFileLocker(join(directory, 'locks'))
  const state = createFileState(join(directory, 'state.sqlite'))
  const changes = await openFileChanges(state, join(directory, 'changes.bell'))
  return {
    vault,
    locker,
    ...openRecords(createFileRecords(state), sealer),
    budgets: createFileBudgets(state),
    schedule: createFileSchedule(state),
    changes,
    permission: undefined,
    purges: undefined,
    async close() {
      changes.close()
      state.close()
      await vault.close()
    },
  }
}

async function openShared(url: string, config: StoreConfig, sealer: Sealer): Promise<Store> {
  const redis = await openRedis(url)
  const changes = createRedisChanges(redis, config.host)
  return {
    vault: createRedisVault(redis, config.storePrefix, sealer),
    locker: createRedisLocker(redis),
    ...openRecords(createRedisRecords(redis), sealer),
    budgets: createRedisBudgets(redis),
    schedule: createRedisSchedule(redis),
    changes,
    permission: createRedisPermission(redis, config.host),
    purges: createRedisPurgeStream(redis, url),
    async close() {
      changes.close()
      await redis.close()
    },
  }
}

function openRecords(records: Records, sealer: Sealer): Pick<Store, 'tokens' | 'accounts' | 'failures' | 'tickets'> {
  return {
    tokens: createTokens(records),
    accounts: createAccounts(records, sealer),
    failures: createFailures(records),
    tickets: createTickets(records, sealer),
  }
}
