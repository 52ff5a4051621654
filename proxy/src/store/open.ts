import { join } from 'node:path'
import { openFileLocker } from './file-locker.ts'
import { openFileVault } from './file-vault.ts'
import { createRedisLocker } from './redis-locker.ts'
import { createRedisPermission } from './redis-permission.ts'
import { createRedisVault } from './redis-vault.ts'
import { openRedis } from './redis.ts'
import type { Locker, Permission, Vault, VaultReader } from '../certificates/contracts.ts'
import type { Config } from '../config.ts'

/** What all processes, and with Redis all machines, share. */
export type Store = {
  readonly vault: Vault
  readonly locker: Locker
  /** The app's allow-list, where the store holds it. */
  readonly permission: Permission | undefined
  /** Certificates that this machine can still read while the store is away. */
  readonly copies: VaultReader | undefined
  close(): Promise<void>
}

/**
 * Opens the store that the configuration names. Files: rejects with the error of the file system. Redis: resolves also while it
 * is away; then every question to it rejects with EDGE_ERR_STORE_UNAVAILABLE until it is back.
 */
export async function openStore(config: Pick<Config, 'store' | 'storePrefix' | 'host'>): Promise<Store> {
  return config.store.kind === 'file' ? openFiles(config.store.directory) : openShared(config.store.url, config)
}

async function openFiles(directory: string): Promise<Store> {
  const vault = await openFileVault(join(directory, 'certificates'))
  const locker = await openFileLocker(join(directory, 'locks'))
  return { vault, locker, permission: undefined, copies: vault, close: () => vault.close() }
}

async function openShared(url: string, config: Pick<Config, 'storePrefix' | 'host'>): Promise<Store> {
  const redis = await openRedis(url)
  return {
    vault: createRedisVault(redis, config.storePrefix),
    locker: createRedisLocker(redis),
    permission: createRedisPermission(redis, config.host),
    copies: undefined,
    close: () => redis.close(),
  }
}
