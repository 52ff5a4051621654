import t from 'tap'
import { Departure } from '../../src/server/departure.ts'

const LONG = { askedWithinMs: 3_600_000, graceMs: 0 }

/** Whether it is over by now. */
async function isOver(leaving: Promise<void>): Promise<boolean> {
  const soon = new Promise((resolve) => setImmediate(resolve)).then(() => false)
  return Promise.race([leaving.then(() => true), soon])
}

await t.test('who has never been asked leaves at once', async (t) => {
  const departure = new Departure(LONG)
  await departure.begin()
  t.ok(departure.isLeaving)
})

await t.test('every edge that asked is told first', async (t) => {
  const departure = new Departure(LONG)
  departure.asked('192.0.2.1')
  departure.asked('192.0.2.2')
  departure.asked('192.0.2.1')
  const leaving = departure.begin()
  departure.asked('192.0.2.1')
  departure.asked('192.0.2.3')
  t.notOk(await isOver(leaving))
  departure.asked('192.0.2.2')
  await leaving
})

await t.test('who has no time is told nothing', async (t) => {
  const departure = new Departure(LONG)
  departure.asked('192.0.2.1')
  const leaving = departure.begin()
  t.notOk(await isOver(leaving))
  departure.hurry()
  await leaving
})

await t.test('an edge that has stopped asking is not waited for', async (t) => {
  // Whoever asked before now has stopped asking.
  const departure = new Departure({ askedWithinMs: -1, graceMs: 3_600_000 })
  departure.asked('192.0.2.1')
  t.ok(await isOver(departure.begin()))
})
