import { createFileDatabase, type FileDatabase } from './file-database.ts'

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

/** What the processes of one machine share beside the certificates. */
export type FileState = FileDatabase

export function createFileState(file: string): FileState {
  // All of it can be found anew: accounts are registered again, renewals are scheduled from the certificates.
  return createFileDatabase(file, { tables: TABLES, damaged: 'damaged state was set aside' })
}
