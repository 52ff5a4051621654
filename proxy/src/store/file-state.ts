import { closeSync, openSync, renameSync, rmSync } from 'node:fs'
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

const TABLES = `
CREATE TABLE IF NOT EXISTS record (key TEXT PRIMARY KEY, text TEXT NOT NULL, ends_at_ms INTEGER) STRICT;
CREATE INDEX IF NOT EXISTS record_ends ON record (ends_at_ms) WHERE ends_at_ms IS NOT NULL;
CREATE TABLE IF NOT EXISTS taken (scope TEXT NOT NULL, at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS taken_at ON taken (scope, at_ms);
CREATE INDEX IF NOT EXISTS taken_ends ON taken (ends_at_ms);
CREATE TABLE IF NOT EXISTS shut (scope TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS due (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS due_at ON due (at_ms);
CREATE TABLE IF NOT EXISTS change (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT;`

/** What the processes of one machine share beside the certificates, in one SQLite file: transactions that a `kill -9` cannot halve. */
export type FileState = {
  /** Runs one statement that changes nothing; nobody waits for it. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
  read<Value>(work: (sql: SQLTagStore) => Value): Promise<Value>
  /** Runs statements as one transaction. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
  write<Value>(work: (sql: SQLTagStore) => Value): Promise<Value>
  /** Makes what was written safe from a power failure, and leaves no trace of what it replaced. */
  settle(): Promise<void>
  close(): void
}

/** Nothing is opened before the first use: an edge starts, and serves its certificates, on a disk that is full. */
export function createFileState(file: string): FileState {
  let open: { database: DatabaseSync; sql: SQLTagStore } | undefined

  function attempt<Value>(work: (database: DatabaseSync, sql: SQLTagStore) => Value): { value: Value } | undefined {
    try {
      open ??= openDatabase(file)
      return { value: work(open.database, open.sql) }
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

  return {
    read: (work) => run((_, sql) => work(sql)),
    write: (work) => run((database, sql) => transact(database, () => work(sql))),
    settle: () => run((database) => database.exec('PRAGMA wal_checkpoint(TRUNCATE)')),
    close() {
      open?.database.close()
      open = undefined
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

function openDatabase(file: string): { database: DatabaseSync; sql: SQLTagStore } {
  try {
    return tryOpen(file)
  } catch (error) {
    const result = resultOf(error)
    if (result !== CORRUPT && result !== NOT_A_DATABASE) throw error
    // All of it can be found anew: accounts are registered again, renewals are scheduled from the certificates.
    edgeChannel('fault').publish({ area: 'store', message: 'damaged state was set aside', error })
    renameSync(file, `${file}.damaged`)
    for (const part of ['-wal', '-shm']) rmSync(file + part, { force: true })
    return tryOpen(file)
  }
}

function tryOpen(file: string): { database: DatabaseSync; sql: SQLTagStore } {
  // The file holds secrets; SQLite gives its other files the rights of this one.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // What the last second wrote may be lost when the power fails, never the rest.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON; ${TABLES}`)
    return { database, sql: database.createTagStore() }
  } catch (error) {
    database.close()
    throw error
  }
}

function resultOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined
  return error.errcode & 0xff
}
