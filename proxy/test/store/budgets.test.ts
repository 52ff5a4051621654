import { join } from 'node:path'
import t from 'tap'
import { createFileBudgets } from '../../src/store/file-budgets.ts'
import { createFileState } from '../../src/store/file-state.ts'
import { pollUntil } from '../until.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace } from './stores.ts'

const HOUR_MS = 3_600_000

for (const kind of ['file', 'redis'] as const) {
  await t.test(`${kind} budgets`, async (t) => {
    const place = await makePlace(t, kind)
    const [one, two] = [await place.open(t), await place.open(t)]
    const charge = (
      scope: string,
      limit: number,
      windowMs = HOUR_MS,
    ): { scope: string; limit: number; windowMs: number } => ({
      scope,
      limit,
      windowMs,
    })

    await t.test('machines together take no more than there is', async (t) => {
      const takes = Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? one : two).budgets.take([charge('a', 3)]),
      )
      const refused = (await Promise.all(takes)).filter((answer) => answer !== undefined)
      t.equal(refused.length, 7)
      for (const { scope, untilMs } of refused) {
        t.equal(scope, 'a')
        t.ok(untilMs > Date.now() + HOUR_MS - 60_000 && untilMs <= Date.now() + HOUR_MS)
      }
      t.match(await one.budgets.look([charge('a', 3)]), { scope: 'a', reason: 'used up' })
      t.equal(await one.budgets.look([charge('a', 4)]), undefined)
      t.equal(await one.budgets.look([charge('a', 4)]), undefined, 'a look takes nothing')
    })

    await t.test('takes from all or from none', async (t) => {
      await one.budgets.take([charge('full', 1)])
      t.match(await two.budgets.take([charge('other', 1), charge('full', 1)]), { scope: 'full' })
      t.equal(await one.budgets.take([charge('other', 1)]), undefined)
      t.match(await one.budgets.take([charge('nothing', 0)]), { scope: 'nothing' })
      t.equal(await one.budgets.take([]), undefined)
    })

    await t.test('gives back what came to nothing', async (t) => {
      await one.budgets.take([charge('back', 1)])
      await two.budgets.giveBack([charge('back', 1), charge('never taken', 1)])
      t.equal(await one.budgets.take([charge('back', 1)]), undefined)
    })

    await t.test('the window slides', async () => {
      await one.budgets.take([charge('brief', 1, 50)])
      await pollUntil(async () => (await two.budgets.take([charge('brief', 1, 50)])) === undefined)
    })

    await t.test('a scope that the CA shut stays shut for all, until it said', async (t) => {
      const untilMs = Date.now() + HOUR_MS
      await one.budgets.shut('ca', untilMs, 'too many orders')
      await one.budgets.shut('ca', Date.now() + 1_000, 'a shorter one')
      const answer = await two.budgets.take([charge('free', 1), charge('ca', 9)])
      t.match(answer, { scope: 'ca', reason: 'too many orders' })
      t.ok(Math.abs((answer?.untilMs ?? 0) - untilMs) < 1_000)
      await one.budgets.shut('moment', Date.now() + 30, 'x')
      await pollUntil(async () => (await two.budgets.look([charge('moment', 1)])) === undefined)
    })
  })
}

await t.test('with Redis, the clock of a machine has no say', async (t) => {
  const place = await makePlace(t, 'redis')
  const [right, wrong] = [await place.open(t), await place.open(t)]
  const charges = [{ scope: 'a', limit: 1, windowMs: HOUR_MS }]
  await right.budgets.take(charges)
  const { now } = Date
  t.teardown(() => (Date.now = now))
  for (const years of [-10, 10]) {
    Date.now = () => now() + years * 365 * 24 * HOUR_MS
    const left = ((await wrong.budgets.take(charges))?.untilMs ?? 0) - Date.now()
    t.ok(left > HOUR_MS - 60_000 && left <= HOUR_MS, 'as long as it is, told by the clock of who asks')
    await wrong.budgets.shut(`b${years}`, Date.now() + HOUR_MS, 'x')
    Date.now = now
    const shut = await right.budgets.look([{ scope: `b${years}`, limit: 1, windowMs: 1 }])
    t.ok(Math.abs((shut?.untilMs ?? 0) - now() - HOUR_MS) < 60_000)
  }
})

await t.test('a clock of this machine that was ahead closes nothing for ever', async (t) => {
  const state = createFileState(join(temporaryDirectory(t), 'state.sqlite'))
  t.teardown(() => state.close())
  const year = 365 * 24 * HOUR_MS
  let nowMs = Date.now() + year
  const budgets = createFileBudgets(state, () => nowMs)
  const charges = [{ scope: 'a', limit: 1, windowMs: HOUR_MS }]
  await budgets.take(charges)
  await budgets.shut('b', nowMs + HOUR_MS, 'x')
  nowMs -= year
  t.equal((await budgets.take(charges))?.untilMs, nowMs + HOUR_MS, 'counted from now')
  t.equal((await budgets.take([{ scope: 'b', limit: 1, windowMs: 1 }]))?.untilMs, nowMs + HOUR_MS)
  nowMs += HOUR_MS
  t.equal(await budgets.take(charges), undefined)
  t.equal(await budgets.take([{ scope: 'b', limit: 1, windowMs: 1 }]), undefined)
})
