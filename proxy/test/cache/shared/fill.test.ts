import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import type { UpstreamAnswer } from '../../../src/cache/contracts.ts'
import { createBudget, createFill, type Budget, type Fill } from '../../../src/cache/shared/fill.ts'

const MB = 1024 * 1024

function source(): UpstreamAnswer & PassThrough {
  const head = { status: 200, reasonPhrase: 'OK', headers: [], target: { address: '127.0.0.1:1' } }
  return Object.assign(new PassThrough({ highWaterMark: 16 * MB }), { head, trailers: [], discard() {} })
}

/** A budget that tells what is taken of it. */
function counted(maxBytes: number): Budget & { taken(): number } {
  const budget = createBudget(maxBytes)
  let taken = 0
  return {
    taken: () => taken,
    take(bytes) {
      const may = budget.take(bytes)
      if (may) taken += bytes
      return may
    },
    giveBack(bytes) {
      taken -= bytes
      budget.giveBack(bytes)
    },
  }
}

function read(fill: Fill): UpstreamAnswer {
  const reader = fill.join()
  if (reader === undefined) throw new Error('too late')
  return reader
}

function write(stream: PassThrough, megabytes: number): void {
  for (let left = megabytes * 16; left > 0; left--) stream.write(Buffer.alloc(MB / 16, 'x'))
}

await t.test('what a slow reader still has to get counts until he has it, or leaves', async (t) => {
  for (const end of ['reads', 'leaves'] as const) {
    const budget = counted(10 * MB)
    const app = source()
    const fill = createFill(app, 8 * MB, budget)
    const reader = read(fill)
    write(app, 4)
    app.end()
    t.equal((await fill.whole).length, 4 * MB)
    t.equal(budget.taken(), 3 * MB, 'all but the first megabyte')
    if (end === 'reads') t.equal((await buffer(reader)).length, 4 * MB)
    else reader.destroy()
    await new Promise(setImmediate)
    t.equal(budget.taken(), 0, end)
  }
})

await t.test('so does a body that has become too large', async (t) => {
  const budget = counted(10 * MB)
  const app = source()
  const fill = createFill(app, 3 * MB, budget)
  const reader = read(fill)
  write(app, 5)
  app.end()
  while (!app.isPaused()) await new Promise(setImmediate)
  t.ok(budget.taken() >= 1.5 * MB, `${budget.taken()} bytes`)
  t.equal((await buffer(reader)).length, 5 * MB)
  t.equal(await fill.whole, 'too large')
  t.equal(budget.taken(), 0)
})

await t.test('without a budget a body of a megabyte is kept, and a larger one passes', async (t) => {
  const budget = counted(0)
  for (const [megabytes, isKept] of [
    [1, true],
    [2, false],
  ] as const) {
    const app = source()
    const fill = createFill(app, 8 * MB, budget)
    const reader = read(fill)
    write(app, megabytes)
    app.end()
    t.equal((await buffer(reader)).length, megabytes * MB)
    t.equal(typeof (await fill.whole) !== 'string', isKept)
  }
  t.equal(budget.taken(), 0)
})

await t.test('an answer that is cut gives everything back', async (t) => {
  const budget = counted(10 * MB)
  const app = source()
  const fill = createFill(app, 8 * MB, budget)
  const reader = read(fill)
  write(app, 3)
  while (budget.taken() === 0) await new Promise(setImmediate)
  app.destroy(new Error('cut'))
  t.equal(await fill.whole, 'cut')
  await t.rejects(buffer(reader))
  t.equal(budget.taken(), 0)
})
