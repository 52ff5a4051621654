import t from 'tap'
import type { Child } from '../../src/lifecycle/child.ts'
import { BEAT_MS, createHeartbeat } from '../../src/lifecycle/heartbeat.ts'
import { collectFaults } from './family.ts'

const STALL_MS = 10_000

/** Processes that answer while their loop turns, and a clock that stands until it is moved. */
function createMachine(names: readonly string[]) {
  let nowMs = 0
  const stalled = new Set<string>()
  const killed: string[] = []
  const children = names.map((name) => {
    const call = (): Promise<unknown> => (stalled.has(name) ? new Promise(() => undefined) : Promise.resolve([null]))
    return {
      name,
      role: 'worker',
      state: 'running',
      isReady: () => true,
      channel: { call },
      kill: () => killed.push(name),
    }
  })
  const heartbeat = createHeartbeat({
    children: () => children.filter(({ name }) => !killed.includes(name)) as unknown as Child[],
    stallMs: () => STALL_MS,
    now: () => nowMs,
  })
  return {
    killed,
    stalled,
    heartbeat,
    /** @param lateMs how much later than it should this process runs. */
    async beat(count = 1, lateMs = 0): Promise<void> {
      for (let i = 0; i < count; i++) {
        nowMs += BEAT_MS + lateMs
        heartbeat.beat()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}
const BEATS = STALL_MS / BEAT_MS + 2

await t.test('one that is silent for too long is ended, the others are not', async (t) => {
  const faults = collectFaults(t)
  const { stalled, killed, beat } = createMachine(['worker-1@1', 'worker-2@1'])
  await beat(100)
  t.same(killed, [])
  stalled.add('worker-1@1')
  await beat(BEATS - 2)
  t.same(killed, [], 'not before its time')
  await beat(2)
  t.same(killed, ['worker-1@1'])
  t.match(faults, [{ area: 'worker', message: 'process stalled', name: 'worker-1@1' }])
})

await t.test('all at once: one after the other, with time to be replaced in between', async (t) => {
  const { stalled, killed, beat } = createMachine(['worker-1@1', 'worker-2@1', 'manager@1'])
  for (const name of ['worker-1@1', 'worker-2@1', 'manager@1']) stalled.add(name)
  await beat(BEATS)
  t.equal(killed.length, 1)
  await beat(BEATS - 4)
  t.equal(killed.length, 1)
  await beat(4)
  t.equal(killed.length, 2)
})

await t.test('nobody is blamed for the time in which this process did not run', async (t) => {
  const { stalled, killed, beat } = createMachine(['worker-1@1', 'worker-2@1'])
  stalled.add('worker-1@1')
  await beat(3)
  await beat(1, 3600_000)
  t.same(killed, [], 'a machine that was suspended')
  await beat(BEATS - 3)
  t.same(killed, [])
  await beat(3)
  t.same(killed, ['worker-1@1'], 'from then on the time counts')
})

await t.test('a machine without air: late again and again', async (t) => {
  const { stalled, killed, beat } = createMachine(['worker-1@1'])
  stalled.add('worker-1@1')
  await beat(100, 2 * BEAT_MS)
  t.same(killed, [])
})

await t.test('it says how many workers have answered since it was asked', async (t) => {
  const { stalled, heartbeat, beat } = createMachine(['worker-1@1', 'worker-2@1'])
  await beat()
  t.equal(heartbeat.answered(), 2)
  t.equal(heartbeat.answered(), 0)
  stalled.add('worker-1@1')
  await beat()
  t.equal(heartbeat.answered(), 1)
})
