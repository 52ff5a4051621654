import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { SQLTagStore } from 'node:sqlite'
import { StoreUnavailable } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { waitForTurn } from './turn.ts'

/** SQLite's result codes (sqlite.org/rescode.html), of which the lowest byte says what happened. */
const BUSY = 5
const CORRUPT = 11
const NOT_A_DATABASE = 26
/** As long as anybody holds the file; a transaction takes less than a millisecond. */
const PATIENCE_MS = 2_000
const PAUSES = { firstMs: 2, mostMs: 50 }

/** One SQLite file that the processes of a machine share: transactions that a `kill -9` cannot halve. */
export type FileDatabase = {
  /** Runs one statement that changes nothing; nobody waits for it. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
  read<Value>(work: (sql: SQLTagStore) => Value): Promise<Value>
  /** Runs statements as one transaction. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
  write<Value>(work: (sql: SQLTagStore) => Value): Promise<Value>
  /** The same, and safe from a power failure when it resolves. */
  writeSynced<Value>(work: (sql: SQLTagStore) => Value): Promise<Value>
  /** Makes what was written safe from a power failure, and leaves no trace of what it replaced. */
  settle(): Promise<void>
  close(): void
}

export type FileDatabaseOptions = {
  /** SQL that makes what is not there yet. */
  readonly tables: string
  /** Said when a file that is no database any more was set aside, and begun anew. */
  readonly damaged: string
}

/** Nothing is opened before the first use: an edge starts, and serves its certificates, on a disk that is full. */
export function createFileDatabase(file: string, options: FileDatabaseOptions): FileDatabase {
  let opened: Open | undefined

  function attempt<Value>(work: (database: DatabaseSync, sql: SQLTagStore) => Value): { value: Value } | undefined {
    try {
      opened ??= openDatabase(file, options)
      return { value: work(opened.database, opened.sql) }
    } catch (error) {
      if (resultOf(error) === BUSY) return undefined
      throw error
    }
  }

  async function run<Value>(work: (database: DatabaseSync, sql: SQLTagStore) => Value): Promise<Value> {
    try {
      return (await waitForTurn(async () => attempt(work), PAUSES, AbortSignal.timeout(PATIENCE_MS))).value
    } catch (cause) {
      throw new StoreUnavailable(cause instanceof Error ? cause.message : 'unknown', { cause })
    }
  }

  const write: FileDatabase['write'] = (work) => run((database, sql) => transact(database, () => work(sql)))

  return {
    read: (work) => run((_, sql) => work(sql)),
    write,
    async writeSynced(work) {
      const value = await write(work)
      await syncLog(file)
      return value
    },
    settle: () => run((database) => database.exec('PRAGMA wal_checkpoint(TRUNCATE)')),
    close() {
      opened?.database.close()
      opened = undefined
    },
  }
}

function transact<Value>(database: DatabaseSync, work: () => Value): Value {
  database.exec('BEGIN IMMEDIATE')
  try {
    const value = work()
    database.exec('COMMIT')
    return value
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

type Open = { readonly database: DatabaseSync; readonly sql: SQLTagStore }

function openDatabase(file: string, { tables, damaged }: FileDatabaseOptions): Open {
  try {
    return tryOpen(file, tables)
  } catch (error) {
    const result = resultOf(error)
    if (result !== CORRUPT && result !== NOT_A_DATABASE) throw error
    edgeChannel('fault').publish({ area: 'store', message: damaged, error })
    renameSync(file, `${file}.damaged`)
    for (const part of ['-wal', '-shm']) rmSync(file + part, { force: true })
    return tryOpen(file, tables)
  }
}

function tryOpen(file: string, tables: string): Open {
  // The file holds secrets; SQLite gives its other files the rights of this one.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // What the last second wrote may be lost when the power fails, never the rest.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; ${tables}`)
    syncNames(dirname(file))
    return { database, sql: database.createTagStore() }
  } catch (error) {
    database.close()
    throw error
  }
}

/**
 * SQLite's own sync would hold this whole process up; a thread of libuv's does not. What was committed is in the log, or by now in the
 * file, which SQLite syncs before it begins the log anew (sqlite.org/wal.html).
 */
async function syncLog(file: string): Promise<void> {
  try {
    await using log = await open(`${file}-wal`, 'r')
    await log.datasync()
  } catch (cause) {
    throw new StoreUnavailable(cause instanceof Error ? cause.message : 'unknown', { cause })
  }
}

/** A file whose name is not durable is lost with all that was synced in it. */
function syncNames(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function resultOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}
