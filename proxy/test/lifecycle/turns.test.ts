import t from 'tap'
import { createTurns } from '../../src/lifecycle/turns.ts'

/** Work that is done when the test says so. */
function createWork() {
  const begun: string[] = []
  const ends: ((error?: Error) => void)[] = []
  return {
    begun,
    start: (name: string) => () => {
      begun.push(name)
      return new Promise<{ generation: number; version: string; release: string }>((resolve, reject) => {
        ends.push((error) => {
          if (error === undefined) resolve({ generation: begun.length, version: '1.0.0', release: '/r' })
          else reject(error)
        })
      })
    },
    end: (error?: Error) => ends.shift()?.(error),
  }
}

await t.test('reloads and upgrades come one after the other, whatever becomes of the one before', async (t) => {
  const turns = createTurns()
  const work = createWork()
  const first = turns.take('reload', work.start('reload'))
  const second = turns.take('upgrade', work.start('upgrade'))
  await Promise.resolve()
  t.strictSame(work.begun, ['reload'])
  t.ok(turns.isUnderWay())
  work.end(new Error('it cannot'))
  await t.rejects(first, { message: 'it cannot' })
  t.match(turns.report(), { state: 'failed', error: 'it cannot' })
  await new Promise(setImmediate)
  t.strictSame(work.begun, ['reload', 'upgrade'])
  work.end()
  t.match(await second, { generation: 2 })
  await turns.settled()
  t.match(turns.report(), { state: 'succeeded', generation: 2 })
})

await t.test('who asks while one waits gets that one, and while one is under way the next one', async (t) => {
  const turns = createTurns()
  const work = createWork()
  const first = turns.take('reload', work.start('first'))
  await Promise.resolve()
  const second = turns.take('reload', work.start('second'))
  t.equal(turns.take('reload', work.start('third')), second)
  work.end()
  await first
  await new Promise(setImmediate)
  work.end()
  await second
  t.strictSame(work.begun, ['first', 'second'])
  await turns.settled()
  await new Promise(setImmediate)
  t.notOk(turns.isUnderWay())
})
