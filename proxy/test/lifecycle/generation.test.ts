import t from 'tap'
import type { Child } from '../../src/lifecycle/child.ts'
import type { Switchboard } from '../../src/lifecycle/switchboard.ts'
import { fromFields } from '../../src/purge.ts'
import { pollUntil } from '../until.ts'
import { collectFaults, createFamily, running, startFamily } from './family.ts'

const AMPLE = { limitMs: 60_000, tunnelsMs: 60_000 }
const purgeOf = (hosts: string[]) => ({ purge: fromFields({ hosts }) })

function childOf(switchboard: Switchboard, name: string): Child {
  const child = switchboard.children().find((one) => one.name === name)
  if (child === undefined) throw new Error(`there is no ${name}`)
  return child
}

function pidOf(child: Child | undefined): number {
  return child?.process.pid ?? NaN
}

await t.test('a call reaches every worker, and one that dies of it costs nobody the answer', async (t) => {
  const faults = collectFaults(t)
  const { generation, switchboard } = await startFamily(t)
  const [manager, first, second] = ['manager@1', 'worker-1@1', 'worker-2@1'].map((name) => childOf(switchboard, name))
  const all = await manager?.channel.call('manager', 'purge', purgeOf(['a.example']))
  t.same(all, [{ counts: [pidOf(first), pidOf(second)], pending: false }])

  const rest = await manager?.channel.call('manager', 'purge', purgeOf(['kill worker-1@1']))
  t.match(rest, [{ counts: [pidOf(second)] }])
  await pollUntil(() => ![undefined, pidOf(first)].includes(running(generation, 'worker-1')?.pid))
  t.match(faults, [
    { area: 'worker', message: 'process ended', name: 'worker-1@1', error: 'worker-1 ended with SIGKILL' },
  ])
  const again = await manager?.channel.call('manager', 'purge', purgeOf(['a.example']))
  t.ok(again?.[0]?.counts.includes(running(generation, 'worker-1')?.pid ?? 0), 'the new one is asked too')
})

await t.test('with nobody there, a call says who is away', async (t) => {
  const { switchboard } = await startFamily(t)
  const call = childOf(switchboard, 'manager@1').channel.call(
    'manager',
    'purge',
    purgeOf(['kill worker-1@1', 'kill worker-2@1']),
  )
  await t.rejects(call, { code: 'EDGE_ERR_CHANNEL_CLOSED', message: /no answer from the worker: it is away/ })
})

await t.test('a drain that hangs ends with its limit', async (t) => {
  const { generation, switchboard } = await startFamily(t, { script: 'worker:hang-in-drain' })
  const children = switchboard.children()
  generation.retire()
  await generation.drain('worker', { limitMs: 0, tunnelsMs: 0 })
  await generation.drain('manager', AMPLE)
  t.same(
    children.map(({ process }) => process.exitCode),
    [0, 1, 1],
  )
})

await t.test('a drain can be cut short', async (t) => {
  const { generation } = await startFamily(t, { script: 'worker:hang-in-drain' })
  generation.retire()
  const drained = generation.drain('worker', { limitMs: 3600_000, tunnelsMs: 3600_000 })
  await generation.drain('worker', { limitMs: 0, tunnelsMs: 0 })
  await drained
  t.match(generation.processes(), [{ id: 'manager' }])
})

await t.test('a drain in the middle of a call ends it, and nobody is started again', async (t) => {
  const faults = collectFaults(t)
  const { generation, switchboard } = await startFamily(t)
  const manager = childOf(switchboard, 'manager@1')
  // It may fail before the drain is over.
  const call = Promise.allSettled([manager.channel.call('manager', 'purge', purgeOf(['hang worker-1@1']))])
  generation.retire()
  await generation.drain('worker', AMPLE)
  await call
  await generation.drain('manager', AMPLE)
  t.same(generation.processes(), [])
  t.same(faults, [])
})

await t.test('one that ends before it has served is not replaced: whoever starts it is told', async (t) => {
  const faults = collectFaults(t)
  const { generation } = createFamily(t, { script: 'worker:die' })
  await t.rejects(generation.start(), { message: /^worker-\d ended with SIGKILL$/ })
  const { generation: other } = createFamily(t, { script: 'worker:not-serve' })
  await other.start()
  await t.rejects(other.accept(), { message: /^worker-\d@1 cannot serve$/ })
  t.same(faults, [])
})

await t.test('two generations', async (t) => {
  const { generation: old, switchboard } = await startFamily(t)
  const { generation: next } = createFamily(t, { number: 2, switchboard })
  await next.start()
  const worker = childOf(switchboard, 'worker-1@1')
  const manager = childOf(switchboard, 'manager@2')

  await t.test('a purge at the manager that does not lead yet is done by the one that does', async (t) => {
    const [outcome] = await manager.channel.call('manager', 'purge', purgeOf(['a.example']))
    t.equal(outcome?.counts.length, 4, 'by workers of both generations')
  })

  await t.test('calls wait while nobody leads', async (t) => {
    switchboard.hold()
    const calls = ['a.example', 'b.example'].map((host) => worker.channel.call('manager', 'purge', purgeOf([host])))
    // The manager itself is told, as a worker would be.
    const relayed = switchboard.relay(worker)({
      v: 1,
      type: 'call',
      id: 1,
      to: 'manager',
      kind: 'purge',
      ask: purgeOf([]),
    })
    await old.letGo()
    await next.lead()
    t.match(await relayed, { type: 'answer', answers: [{ pending: false }] })
    await Promise.all(calls)
  })

  await t.test('the old workers are asked as long as they drain', async (t) => {
    old.retire()
    await old.drain('manager', AMPLE)
    const [outcome] = await manager.channel.call('manager', 'purge', purgeOf(['a.example']))
    t.equal(outcome?.counts.length, 4)
    await old.drain('worker', AMPLE)
    const [after] = await manager.channel.call('manager', 'purge', purgeOf(['a.example']))
    t.equal(after?.counts.length, 2)
  })
})

await t.test('a manager that has let go ends when another one of its generation leads again', async (t) => {
  const { generation, switchboard } = await startFamily(t)
  const before = childOf(switchboard, 'manager@1')
  switchboard.hold()
  await generation.letGo()
  generation.leadAgain()
  await before.ended
  await pollUntil(() => running(generation, 'manager') !== undefined)
  t.equal(generation.processes().filter(({ role }) => role === 'manager').length, 1)
})

await t.test('a manager that does not let go is ended, and another one of its generation may lead again', async (t) => {
  const { generation, switchboard } = await startFamily(t)
  const before = childOf(switchboard, 'manager@1')
  before.process.kill('SIGKILL')
  switchboard.hold()
  await generation.letGo()
  generation.leadAgain()
  await pollUntil(() => running(generation, 'manager') !== undefined)
  t.not(running(generation, 'manager')?.pid, before.process.pid)
})
