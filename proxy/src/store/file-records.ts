import type { FileState } from './file-state.ts'
import type { Records } from './records.ts'

export function createFileRecords(state: FileState): Records {
  return {
    read: (key) =>
      state.read((sql) => {
        const nowMs = Date.now()
        return textOf(
          sql.get`SELECT text FROM record WHERE key = ${key} AND (ends_at_ms IS NULL OR ends_at_ms > ${nowMs})`,
        )
      }),
    async write(key, text, ttlMs) {
      await state.write((sql) => {
        const nowMs = Date.now()
        sql.run`DELETE FROM record WHERE ends_at_ms <= ${nowMs}`
        sql.run`INSERT OR REPLACE INTO record VALUES (${key}, ${text}, ${nowMs + Math.ceil(ttlMs)})`
      })
    },
    async swap(key, before, after) {
      const text = await state.write((sql) => {
        const found = textOf(sql.get`SELECT text FROM record WHERE key = ${key}`)
        if (found !== undefined && found !== before) return found
        sql.run`INSERT OR REPLACE INTO record VALUES (${key}, ${after}, NULL)`
        return after
      })
      // What is swapped is a secret, now and then: its former form may have been in the clear.
      await state.settle()
      return text
    },
    async remove(key) {
      await state.write((sql) => sql.run`DELETE FROM record WHERE key = ${key}`)
    },
    async *list(prefix) {
      const rows = await state.read((sql) => {
        const nowMs = Date.now()
        return sql.all`
          SELECT key, text FROM record
          WHERE substr(key, 1, ${prefix.length}) = ${prefix} AND (ends_at_ms IS NULL OR ends_at_ms > ${nowMs})`
      })
      for (const { key, text } of rows) yield { key: String(key), text: String(text) }
    },
  }
}

function textOf(row: Record<string, unknown> | undefined): string | undefined {
  return row === undefined ? undefined : String(row['text'])
}
