import { watch } from 'node:fs'
import { utimes, writeFile } from 'node:fs/promises'
import type { SQLTagStore } from 'node:sqlite'
import { StoreUnavailable, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { parseChange } from './change.ts'
import type { Changes } from '../certificates/contracts.ts'
import type { ChangeListener } from './change.ts'
import type { FileState } from './file-state.ts'

/** Who is further behind than this asks anew for everything. */
const KEPT = 1_000

/**
 * Changes among the processes of one machine: a list in the shared state, and an empty file, the bell, that is touched
 * when the list grows. Every process watches the bell.
 */
export async function openFileChanges(state: FileState, bell: string): Promise<Changes & { close(): void }> {
  await writeFile(bell, '', { mode: 0o600, flag: 'a' })
  const listeners = new Set<ChangeListener>()
  let watcher: { close(): void } | undefined
  const tell: ChangeListener = (change) => {
    for (const listener of listeners) listener(change)
  }
  return {
    async publish(change) {
      await state.write((sql) => {
        sql.run`INSERT INTO change (text) VALUES (${JSON.stringify(change)})`
        sql.run`DELETE FROM change WHERE id <= ${lastId(sql) - KEPT}`
      })
      await ring(bell)
    },
    subscribe(listener) {
      listeners.add(listener)
      watcher ??= watchBell(state, bell, tell)
      return () => listeners.delete(listener)
    },
    close: () => watcher?.close(),
  }
}

function watchBell(state: FileState, bell: string, tell: ChangeListener): { close(): void } {
  let last: number | undefined
  const hear = async (): Promise<void> => {
    try {
      const news = await state.write((sql) => readSince(sql, last))
      last = news.id
      if (news.missed) tell({ kind: 'all' })
      for (const text of news.texts) {
        const change = parseChange(text)
        if (change !== undefined) tell(change)
      }
    } catch (error) {
      publishDeaf(error)
    }
  }
  // One after the other: each goes on where the one before ended.
  let hearing = hear()
  const watcher = watch(bell, { persistent: false }, () => {
    hearing = hearing.then(hear)
  })
  watcher.on('error', publishDeaf)
  return watcher
}

/** @param last undefined for who begins to listen: nothing is news. A list that begins later, or anew, has a gap. */
function readSince(sql: SQLTagStore, last: number | undefined): { id: number; missed: boolean; texts: string[] } {
  const id = lastId(sql)
  if (last === undefined || id === last) return { id, missed: false, texts: [] }
  const rows = sql.all`SELECT text FROM change WHERE id > ${last} ORDER BY id`
  if (rows.length !== id - last) return { id, missed: true, texts: [] }
  return { id, missed: false, texts: rows.map(({ text }) => String(text)) }
}

function lastId(sql: SQLTagStore): number {
  return Number(sql.get`SELECT max(id) AS id FROM change`?.['id'] ?? 0)
}

async function ring(bell: string): Promise<void> {
  const now = new Date()
  try {
    await utimes(bell, now, now)
  } catch (cause) {
    throw new StoreUnavailable(codeOf(cause), { cause })
  }
}

function publishDeaf(error: unknown): void {
  edgeChannel('fault').publish({ area: 'store', message: 'changes are not heard', error })
}
