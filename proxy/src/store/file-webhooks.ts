import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SQLTagStore } from 'node:sqlite'
import type { WebhookQueue, WebhookState, WebhookView } from '../webhooks/contracts.ts'
import type { QueueLimits } from '../webhooks/limits.ts'
import { createFileDatabase, type FileDatabase } from './file-database.ts'
import { openFileLocker } from './file-locker.ts'
import type { Sealer } from './seal.ts'
import type { WebhookRecord, WebhookRecords } from './webhook-records.ts'
import { createWebhookQueue } from './webhooks.ts'

/**
 * `place`: the order. A webhook that was never tried stands for all that are equal to it. What is dropped let there be one such, which is too
 * few: one that could not be read may wait again.
 */
const TABLES = `
CREATE TABLE IF NOT EXISTS webhook (
  place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, path TEXT NOT NULL, digest TEXT NOT NULL,
  bytes INTEGER NOT NULL, accepted_at_ms INTEGER NOT NULL, since_ms INTEGER NOT NULL, attempts INTEGER NOT NULL, failures INTEGER NOT NULL,
  tried_at_ms INTEGER, error TEXT, content TEXT NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_order ON webhook (state, path, place, size);
CREATE INDEX IF NOT EXISTS webhook_digest ON webhook (digest) WHERE state = 'waiting' AND attempts = 0;
DROP INDEX IF EXISTS webhook_untried;`

const PAGE = 100

export type FileWebhooks = WebhookQueue & { close(): void }

/** Webhooks in a folder of this machine, which its processes share. Rejects with the error of the file system. */
export async function openFileWebhooks(folder: string, sealer: Sealer, limits: QueueLimits): Promise<FileWebhooks> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const damaged = 'damaged webhooks were set aside'
  const database = createFileDatabase(join(folder, 'webhooks.sqlite'), { tables: TABLES, damaged })
  const queue = createWebhookQueue(createFileRecords(database, limits), await openFileLocker(folder), sealer)
  return { ...queue, close: () => database.close() }
}

type Row = Record<string, unknown>

function createFileRecords(database: FileDatabase, limits: QueueLimits): WebhookRecords {
  const find = (sql: SQLTagStore, id: string): Row | undefined => sql.get`SELECT * FROM webhook WHERE id = ${id}`
  return {
    add: createGroupedAdd(database, limits),
    hasWaiting: (path) =>
      database.read(
        (sql) => sql.get`SELECT 1 FROM webhook WHERE state = 'waiting' AND path = ${path} LIMIT 1` !== undefined,
      ),
    async paths() {
      const rows = await database.read((sql) => sql.all`SELECT DISTINCT path FROM webhook WHERE state = 'waiting'`)
      return rows.map(({ path }) => String(path))
    },
    async next(path) {
      const row = await database.read(
        (sql) => sql.get`SELECT * FROM webhook WHERE state = 'waiting' AND path = ${path} ORDER BY place LIMIT 1`,
      )
      return row && toView(row)
    },
    async read(id) {
      const row = await database.read((sql) => find(sql, id))
      return row && { ...toView(row), digest: String(row['digest']), content: String(row['content']) }
    },
    async find(id) {
      const row = await database.read((sql) => find(sql, id))
      return row && toView(row)
    },
    begin: (id) =>
      database.write((sql) => {
        const row = sql.get`
          UPDATE webhook SET attempts = attempts + 1, tried_at_ms = ${Date.now()}
          WHERE id = ${id} AND state = 'waiting' RETURNING attempts`
        return row === undefined ? undefined : Number(row['attempts'])
      }),
    async note(id, { error, isFailure }) {
      const failures = isFailure ? 1 : 0
      await database.write(
        (sql) => sql.run`UPDATE webhook SET error = ${error}, failures = failures + ${failures} WHERE id = ${id}`,
      )
    },
    remove: (id) => database.write((sql) => sql.run`DELETE FROM webhook WHERE id = ${id}`.changes > 0),
    bury: (id, error) =>
      database.writeSynced((sql) => {
        const row = find(sql, id)
        if (row?.['state'] !== 'waiting') return []
        putLast(sql, { ...row, state: 'dead', error })
        return dropOldest(sql, limits)
      }),
    retry: (id) =>
      database.writeSynced((sql) => {
        const row = find(sql, id)
        if (row === undefined) return 'absent'
        if (row['state'] === 'waiting') {
          sql.run`UPDATE webhook SET failures = 0 WHERE id = ${id}`
          return 'done'
        }
        if (!takeRoom(roomIn(sql, limits), Number(row['size']))) return 'full'
        putLast(sql, { ...row, state: 'waiting', failures: 0 })
        return 'done'
      }),
    list: (state) => listRows(database, state),
    counts: () =>
      database.read((sql) => {
        const oldest = sql.get`SELECT since_ms FROM webhook WHERE state = 'waiting' ORDER BY place LIMIT 1`
        return {
          waiting: sumOf(sql, 'waiting').count,
          dead: sumOf(sql, 'dead').count,
          oldestSinceMs: oldest && Number(oldest['since_ms']),
        }
      }),
  }
}

type Adding = PromiseWithResolvers<string | undefined> & { readonly record: WebhookRecord }

/** Webhooks that come at once share one write to the disk. */
function createGroupedAdd(database: FileDatabase, limits: QueueLimits): WebhookRecords['add'] {
  let adding: Adding[] = []

  async function write(): Promise<void> {
    const group = adding
    adding = []
    try {
      const kept = await database.writeSynced((sql) => {
        const room = roomIn(sql, limits)
        return group.map(({ record }) => insert(sql, record, room))
      })
      for (const [index, { resolve }] of group.entries()) resolve(kept[index])
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  return (record) => {
    const settled = Promise.withResolvers<string | undefined>()
    adding.push({ record, ...settled })
    if (adding.length === 1) setImmediate(() => void write())
    return settled.promise
  }
}

function insert(sql: SQLTagStore, record: WebhookRecord, room: Room): string | undefined {
  const {
    id,
    path,
    digest,
    bytes,
    acceptedAtMs,
    sinceMs,
    attempts,
    failures,
    triedAtMs = null,
    error = null,
    content,
  } = record
  const same = sql.get`SELECT id FROM webhook WHERE id = ${id}`
  const equal = sql.get`SELECT id FROM webhook WHERE digest = ${digest} AND state = 'waiting' AND attempts = 0`
  const kept = same ?? (attempts === 0 ? equal : undefined)
  if (kept !== undefined) return String(kept['id'])
  const size = content.length
  if (!takeRoom(room, size)) return undefined
  sql.run`
    INSERT INTO webhook
      (id, state, path, digest, bytes, accepted_at_ms, since_ms, attempts, failures, tried_at_ms, error, content, size)
    VALUES
      (${id}, 'waiting', ${path}, ${digest}, ${bytes}, ${acceptedAtMs}, ${sinceMs}, ${attempts}, ${failures}, ${triedAtMs}, ${error},
       ${content}, ${size})`
  return id
}

type Room = { count: number; bytes: number }

/** What may still wait. */
function roomIn(sql: SQLTagStore, limits: QueueLimits): Room {
  const { count, bytes } = sumOf(sql, 'waiting')
  return { count: limits.waiting - count, bytes: limits.waitingBytes - bytes }
}

function takeRoom(room: Room, size: number): boolean {
  if (room.count < 1 || room.bytes < size) return false
  room.count -= 1
  room.bytes -= size
  return true
}

function sumOf(sql: SQLTagStore, state: WebhookState): { count: number; bytes: number } {
  const row = sql.get`SELECT count(*) AS count, sum(size) AS bytes FROM webhook WHERE state = ${state}`
  return { count: Number(row?.['count'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) }
}

/** Writes a row anew, behind all others. */
function putLast(sql: SQLTagStore, row: Row): void {
  const { id = '', state = '', error = null, failures = 0 } = row as Record<string, string | number | null>
  const next = Number(sql.get`SELECT max(place) + 1 AS place FROM webhook`?.['place'])
  sql.run`
    UPDATE webhook SET place = ${next}, state = ${state}, since_ms = ${Date.now()}, error = ${error}, failures = ${failures}
    WHERE id = ${id}`
}

/** @returns the ids of those that were given up, and go for want of room. */
function dropOldest(sql: SQLTagStore, { dead, deadBytes }: QueueLimits): string[] {
  const dropped: string[] = []
  for (;;) {
    const { count, bytes } = sumOf(sql, 'dead')
    if (count <= dead && bytes <= deadBytes) return dropped
    const oldest = sql.get`SELECT id FROM webhook WHERE state = 'dead' ORDER BY place LIMIT 1`
    const id = String(oldest?.['id'])
    sql.run`DELETE FROM webhook WHERE id = ${id}`
    dropped.push(id)
  }
}

async function* listRows(database: FileDatabase, state: WebhookState): AsyncGenerator<WebhookView> {
  let after = 0
  for (;;) {
    const rows = await database.read(
      (sql) => sql.all`SELECT * FROM webhook WHERE state = ${state} AND place > ${after} ORDER BY place LIMIT ${PAGE}`,
    )
    for (const row of rows) yield toView(row)
    if (rows.length < PAGE) return
    after = Number(rows.at(-1)?.['place'])
  }
}

function toView(row: Row): WebhookView {
  const { id, path, state, bytes, attempts, failures, error } = row
  const { accepted_at_ms: acceptedAtMs, since_ms: sinceMs, tried_at_ms: triedAtMs } = row
  return {
    id: String(id),
    path: String(path),
    state: state === 'dead' ? 'dead' : 'waiting',
    bytes: Number(bytes),
    acceptedAtMs: Number(acceptedAtMs),
    sinceMs: Number(sinceMs),
    attempts: Number(attempts),
    failures: Number(failures),
    triedAtMs: triedAtMs === null ? undefined : Number(triedAtMs),
    error: typeof error === 'string' ? error : undefined,
  }
}
