import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { codeOf, StoreUnavailable } from '../errors.ts'
import { waitForTurn } from './turn.ts'
import type { Locker } from '../certificates/contracts.ts'

/** Names share these lock files, so that their number is bounded and none is ever removed: two names wait for nothing at worst. */
const FILES = 256
const PAUSES = { firstMs: 5, mostMs: 100 }
/** SQLite's result code for a lock that another connection holds. */
const SQLITE_BUSY = 5

/**
 * Locks among the processes of one machine. Node offers no `flock`; SQLite takes the kernel's file locks, which end with
 * their process however it ends, so that no lock is ever stale. The files stay empty.
 */
export async function openFileLocker(folder: string): Promise<Locker> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return {
    async acquire(name, signal) {
      const file = join(folder, `${fileOf(name)}.lock`)
      const lock = await waitForTurn(async () => tryLock(file), PAUSES, signal)
      // The kernel takes no lock away from who lives.
      return { fence: undefined, lost: AbortSignal.any([]), release: async () => lock.close() }
    },
  }
}

/** What is no host name, such as the lease of renewals, is held for long, and shares its file with nobody. */
function fileOf(name: string): string {
  if (!name.includes('.')) return name
  const [first = 0] = createHash('sha256').update(name).digest()
  return String(first % FILES)
}

/** @returns undefined while another connection, of this process or any other, holds the lock. */
function tryLock(file: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined
  try {
    makeOwn(file)
    database = new DatabaseSync(file, { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    if (database?.isOpen) database.close()
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) return undefined
    throw new StoreUnavailable(cause instanceof Error ? cause.message : 'unknown', { cause })
  }
}

/** SQLite would let others read it. What is there is not opened: closing it would end this process's locks on it (fcntl(2)). */
function makeOwn(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
