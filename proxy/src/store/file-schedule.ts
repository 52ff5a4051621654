import type { Schedule } from '../certificates/contracts.ts'
import type { FileState } from './file-state.ts'

export function createFileSchedule(state: FileState): Schedule {
  return {
    async set(name, dueAtMs) {
      await state.write((sql) => sql.run`INSERT OR REPLACE INTO due VALUES (${name}, ${Math.round(dueAtMs)})`)
    },
    async remove(name) {
      await state.write((sql) => sql.run`DELETE FROM due WHERE name = ${name}`)
    },
    async due(nowMs, limit) {
      const rows = await state.read(
        (sql) => sql.all`SELECT name FROM due WHERE at_ms <= ${Math.floor(nowMs)} ORDER BY at_ms, name LIMIT ${limit}`,
      )
      return rows.map(({ name }) => String(name))
    },
    dueAtMs: (name) =>
      state.read((sql) => {
        const row = sql.get`SELECT at_ms FROM due WHERE name = ${name}`
        return row === undefined ? undefined : Number(row['at_ms'])
      }),
    size: () => state.read((sql) => Number(sql.get`SELECT count(*) AS size FROM due`?.['size'])),
  }
}
