import type { SQLTagStore } from 'node:sqlite'
import type { Budgets, Charge, Exhausted } from '../certificates/contracts.ts'
import type { FileState } from './file-state.ts'

/** Budgets of one machine, by its clock. What a clock wrote that was ahead counts from now. */
export function createFileBudgets(state: FileState, now: () => number = Date.now): Budgets {
  return {
    look: (charges) => state.write((sql) => findExhausted(sql, charges, now())),
    take: (charges) =>
      state.write((sql) => {
        const nowMs = now()
        const exhausted = findExhausted(sql, charges, nowMs)
        if (exhausted !== undefined) return exhausted
        sql.run`DELETE FROM taken WHERE ends_at_ms <= ${nowMs}`
        for (const { scope, windowMs } of charges) {
          sql.run`INSERT INTO taken VALUES (${scope}, ${nowMs}, ${nowMs + Math.ceil(windowMs)})`
        }
        return undefined
      }),
    async giveBack(charges) {
      await state.write((sql) => {
        for (const { scope } of charges) {
          sql.run`DELETE FROM taken WHERE rowid = (SELECT rowid FROM taken WHERE scope = ${scope} ORDER BY at_ms DESC LIMIT 1)`
        }
      })
    },
    async shut(scope, untilMs, reason) {
      await state.write((sql) => {
        const nowMs = now()
        sql.run`DELETE FROM shut WHERE until_ms <= ${nowMs}`
        correctClock(sql, scope, nowMs)
        sql.run`
          INSERT INTO shut VALUES (${scope}, ${nowMs}, ${Math.ceil(untilMs)}, ${reason}) ON CONFLICT (scope) DO UPDATE
          SET at_ms = excluded.at_ms, until_ms = excluded.until_ms, reason = excluded.reason
          WHERE excluded.until_ms > until_ms`
      })
    },
  }
}

function findExhausted(sql: SQLTagStore, charges: readonly Charge[], nowMs: number): Exhausted | undefined {
  for (const { scope, limit, windowMs } of charges) {
    correctClock(sql, scope, nowMs)
    const shut = sql.get`SELECT until_ms, reason FROM shut WHERE scope = ${scope} AND until_ms > ${nowMs}`
    if (shut !== undefined) return { scope, untilMs: Number(shut['until_ms']), reason: String(shut['reason']) }
    if (limit <= 0) return { scope, untilMs: nowMs + windowMs, reason: 'used up' }
    const last = sql.get`
      SELECT at_ms FROM taken WHERE scope = ${scope} AND at_ms > ${nowMs - windowMs}
      ORDER BY at_ms DESC LIMIT 1 OFFSET ${limit - 1}`
    if (last !== undefined) return { scope, untilMs: Number(last['at_ms']) + windowMs, reason: 'used up' }
  }
  return undefined
}

function correctClock(sql: SQLTagStore, scope: string, nowMs: number): void {
  sql.run`UPDATE taken SET ends_at_ms = ends_at_ms - at_ms + ${nowMs}, at_ms = ${nowMs} WHERE scope = ${scope} AND at_ms > ${nowMs}`
  sql.run`UPDATE shut SET until_ms = until_ms - at_ms + ${nowMs}, at_ms = ${nowMs} WHERE scope = ${scope} AND at_ms > ${nowMs}`
}
