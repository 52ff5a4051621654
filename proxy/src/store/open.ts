import { join } from 'node:path'
import { createFileBudgets } from './file-budgets.ts'
import { openFileChanges } from './file-changes.ts'
import { openFileLocker } from './file-locker.ts'
import { createFileRecords } from './file-records.ts'
import { createFileSchedule } from './file-schedule.ts'
import { createFileState } from './file-state.ts'
import { openFileVault } from './file-vault.ts'
import { openFileWebhooks } from './file-webhooks.ts'
import { openRecords } from './open-records.ts'
import { createSealer } from './seal.ts'
import type { CertificateStore, Permission } from '../certificates/contracts.ts'
import type { Config } from '../config.ts'
import type { PurgeStream } from '../purge.ts'
import type { WebhookQueue } from '../webhooks/contracts.ts'
import { QUEUE_LIMITS } from '../webhooks/limits.ts'
import type { Sealer } from './seal.ts'

/** What all processes, and with Redis all machines, share. */
export type Store = CertificateStore & {
  /** The app's allow-list, where the store holds it. */
  readonly permission: Permission | undefined
  /** The purges of all machines, where several can share the store. */
  readonly purges: PurgeStream | undefined
  readonly webhooks: WebhookQueue
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
  if (store.kind === 'file') return openFiles(store.directory, sealer)
  // What speaks to Redis is a large part of a process's start.
  const { openShared } = await import('./open-shared.ts')
  return openShared(store.url, config, sealer)
}

async function openFiles(directory: string, sealer: Sealer): Promise<Store> {
  const vault = await openFileVault(join(directory, 'certificates'), sealer)
  const locker = await openFileLocker(join(directory, 'locks'))
  const state = createFileState(join(directory, 'state.sqlite'))
  const changes = await openFileChanges(state, join(directory, 'changes.bell'))
  const webhooks = await openFileWebhooks(join(directory, 'webhooks'), sealer, QUEUE_LIMITS)
  return {
    vault,
    locker,
    ...openRecords(createFileRecords(state), sealer),
    budgets: createFileBudgets(state),
    schedule: createFileSchedule(state),
    changes,
    permission: undefined,
    purges: undefined,
    webhooks,
    async close() {
      changes.close()
      webhooks.close()
      state.close()
      await vault.close()
    },
  }
}
