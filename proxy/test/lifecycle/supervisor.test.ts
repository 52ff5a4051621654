import { join } from 'node:path'
import t, { type Test } from 'tap'
import { edgeChannel, type EdgeEvents } from '../../src/events.ts'
import type { Child } from '../../src/lifecycle/child.ts'
import { createSupervisor, type Supervisor } from '../../src/lifecycle/supervisor.ts'
import { pollUntil } from '../certificates/poll.ts'
import { fromFields } from '../../src/purge.ts'

type Family = {
  supervisor: Supervisor
  children: [manager: Child, first: Child, second: Child]
  faults: EdgeEvents['fault'][]
}

/** A manager and two workers, real processes, that do what the script says. */
async function startFamily(t: Test, script = ''): Promise<Family> {
  const faults: EdgeEvents['fault'][] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => void faults.push(fault)))
  const environment: Record<string, string> = { SCRIPT: script }
  const supervisor = createSupervisor({
    argv: [join(import.meta.dirname, 'scripted-role.ts')],
    environment,
    user: undefined,
    handlers: {},
    inheritedBy: () => [],
    settingsOf: (id) => ({ id }),
  })
  t.teardown(() => {
    supervisor.retire()
    supervisor.kill()
  })
  const children: Family['children'] = [
    supervisor.start('manager', 'manager'),
    supervisor.start('worker', 'worker-1'),
    supervisor.start('worker', 'worker-2'),
  ]
  await Promise.all(children.map(({ ready }) => ready))
  return { supervisor, children, faults }
}

const AMPLE = { limitMs: 60_000, tunnelsMs: 60_000 }
const purgeOf = (hosts: string[]) => ({ purge: fromFields({ hosts }) })

function pidOf(supervisor: Supervisor, id: string): number | undefined {
  return supervisor.processes().find((process) => process.id === id && process.state === 'running')?.pid
}

await t.test('a call reaches every worker, and one that dies of it costs nobody the answer', async (t) => {
  const { supervisor, children, faults } = await startFamily(t)
  const [manager, first, second] = children
  const all = await manager.channel.call('manager', 'purge', purgeOf(['a.example']))
  t.same(all, [{ counts: [first.process.pid, second.process.pid], pending: false }])

  const rest = await manager.channel.call('manager', 'purge', purgeOf(['kill worker-1']))
  t.match(rest, [{ counts: [second.process.pid] }])
  await pollUntil(() => ![undefined, first.process.pid].includes(pidOf(supervisor, 'worker-1')))
  t.match(faults, [
    { area: 'worker', message: 'process ended', name: 'worker-1', error: 'worker-1 ended with SIGKILL' },
  ])
  const again = await manager.channel.call('manager', 'purge', purgeOf(['a.example']))
  t.ok(again[0]?.counts.includes(pidOf(supervisor, 'worker-1') ?? 0), 'the new one is asked too')
})

await t.test('with nobody there, a call says who is away', async (t) => {
  const { children } = await startFamily(t)
  const call = children[0].channel.call('manager', 'purge', purgeOf(['kill worker-1', 'kill worker-2']))
  await t.rejects(call, { code: 'EDGE_ERR_CHANNEL_CLOSED', message: /no answer from the worker: it is away/ })
})

await t.test('a drain that hangs ends with its limit', async (t) => {
  const { supervisor, children } = await startFamily(t, 'worker:hang-in-drain')
  supervisor.retire()
  await supervisor.drain('worker', { limitMs: 0, tunnelsMs: 0 })
  await supervisor.drain('manager', AMPLE)
  t.same(
    children.map(({ process }) => process.exitCode),
    [0, 1, 1],
  )
})

await t.test('a drain in the middle of a call ends it, and nobody is started again', async (t) => {
  const { supervisor, children, faults } = await startFamily(t)
  // It may fail before the drain is over.
  const call = Promise.allSettled([children[0].channel.call('manager', 'purge', purgeOf(['hang worker-1']))])
  supervisor.retire()
  await supervisor.drain('worker', AMPLE)
  await call
  await supervisor.drain('manager', AMPLE)
  t.match(supervisor.processes(), [{ state: 'stopped' }, { state: 'stopped' }, { state: 'stopped' }])
  t.same(faults, [])
})
