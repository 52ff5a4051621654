import { mock } from 'node:test'
import t from 'tap'
import type { Child } from '../../src/lifecycle/child.ts'
import { createSlot } from '../../src/lifecycle/slot.ts'
import { collectFaults } from './family.ts'

/** A process that is ready at once and lives until it is ended. */
function makeChild(ready: Promise<void> = Promise.resolve()) {
  const ended = Promise.withResolvers<string>()
  const child = {
    state: 'starting',
    ready,
    ended: ended.promise,
    serve: async () => void (child.state = 'running'),
    kill: () => ended.resolve('killed'),
  }
  return { child: child as unknown as Child, end: (how: string) => ended.resolve(how) }
}

const turn = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

await t.test('one that does not stay is tried less and less often, and for ever', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const faults = collectFaults(t)
  const started: ReturnType<typeof makeChild>[] = []
  const slot = createSlot({
    role: 'worker',
    name: 'worker-1@1',
    start() {
      const made = makeChild()
      started.push(made)
      return made.child
    },
    onServing: () => undefined,
  })
  await slot.open()
  await slot.serve()

  const waits: number[] = []
  for (let i = 0; i < 14; i++) {
    started.at(-1)?.end('died')
    await turn()
    let waitedMs = 0
    const before = started.length
    while (started.length === before) {
      mock.timers.tick(100)
      waitedMs += 100
      await turn()
    }
    waits.push(waitedMs)
  }
  t.same(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000, 60_000, 60_000, 60_000, 60_000])
  t.match(faults.filter(({ message }) => message === 'process does not stay').length, 4, 'which is told')

  slot.retire()
  started.at(-1)?.end('told to')
  mock.timers.tick(100_000)
  t.equal(started.length, 15, 'nobody is started any more')
})

await t.test('a process that cannot even be started is tried again', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const faults = collectFaults(t)
  let tries = 0
  const served: Child[] = []
  const slot = createSlot({
    role: 'worker',
    name: 'worker-1@1',
    start() {
      tries++
      if (tries < 3) throw Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' })
      // One that is there, and does not answer.
      return makeChild(tries === 3 ? Promise.reject(new Error('silent')) : Promise.resolve()).child
    },
    onServing: (child) => served.push(child),
  })
  slot.keep()
  for (let i = 0; i < 10; i++) {
    await turn()
    mock.timers.tick(1000)
  }
  await turn()
  t.equal(tries, 4)
  t.equal(served.length, 1)
  t.match(faults, [
    { message: 'process could not be started' },
    { message: 'process could not be started' },
    { message: 'process ended', error: 'killed' },
  ])
})
