import { EventEmitter } from 'node:events'
import t from 'tap'
import { createChannel, type Wire } from '../../src/lifecycle/channel.ts'
import { fromFields } from '../../src/purge.ts'

/** Two ends that hand each other structured clones, as IPC does. */
function createWires(): [Wire & EventEmitter, Wire & EventEmitter] {
  const make = (): Wire & EventEmitter => Object.assign(new EventEmitter(), { connected: true }) as Wire & EventEmitter
  const [left, right] = [make(), make()]
  left.send = (message) => setImmediate(() => right.emit('message', structuredClone(message)))
  right.send = (message) => setImmediate(() => left.emit('message', structuredClone(message)))
  return [left, right]
}

await t.test('a call gets its answer, whatever the order of answers', async (t) => {
  const [left, right] = createWires()
  const caller = createChannel(left, {}, { peer: 'manager' })
  const release = Promise.withResolvers<void>()
  createChannel(
    right,
    {
      async obtain({ name }) {
        if (name === 'slow.example') await release.promise
        return null
      },
      purge: ({ purge }) => Promise.resolve({ counts: [purge.hosts.length], pending: false }),
    },
    { peer: 'worker' },
  )
  const order: string[] = []
  const slow = caller
    .call('manager', 'obtain', { name: 'slow.example', lane: 'visitor' })
    .then(() => order.push('slow'))
  const quick = caller.call('manager', 'purge', { purge: fromFields({ hosts: ['a.example'] }) })
  t.same(await quick, [{ counts: [1], pending: false }])
  order.push('quick')
  release.resolve()
  await slow
  t.same(order, ['quick', 'slow'])
})

await t.test('a failure keeps its code', async (t) => {
  const [left, right] = createWires()
  const caller = createChannel(left, {}, { peer: 'manager' })
  createChannel(
    right,
    {
      obtain: () => Promise.reject(Object.assign(new Error('denied'), { code: 'EDGE_ERR_CERTIFICATE_DENIED' })),
    },
    { peer: 'worker' },
  )
  await t.rejects(caller.call('manager', 'obtain', { name: 'a.example', lane: 'visitor' }), {
    code: 'EDGE_ERR_CERTIFICATE_DENIED',
    message: 'denied',
  })
  await t.rejects(caller.call('manager', 'prepare', null), { code: 'EDGE_ERR_CALL_UNKNOWN' }, 'nobody handles it')
})

await t.test('calls end when the other end is gone, or silent', async (t) => {
  const [left, right] = createWires()
  const caller = createChannel(left, {}, { peer: 'manager' })
  createChannel(right, { obtain: () => new Promise(() => undefined) }, { peer: 'worker' })
  await t.rejects(caller.call('manager', 'obtain', { name: 'a.example', lane: 'visitor' }, 10), {
    code: 'EDGE_ERR_CHANNEL_TIMEOUT',
  })
  const pending = caller.call('manager', 'obtain', { name: 'a.example', lane: 'visitor' })
  left.emit('disconnect')
  await t.rejects(pending, { code: 'EDGE_ERR_CHANNEL_CLOSED', message: /from the manager: it is away/ })
})

await t.test('a message of another version is not guessed at', async (t) => {
  const [left] = createWires()
  const caller = createChannel(left, {}, { peer: 'manager' })
  caller.onMessage(() => t.fail('it was taken'))
  left.emit('message', { v: 2, type: 'drain', limitMs: 0 })
  left.emit('message', 'drain')
  left.emit('message', null)
  t.pass('ignored')
})

await t.test('a release that speaks another version is told, and says so itself whatever its version', async (t) => {
  const [left] = createWires()
  const foreign: number[] = []
  const messages: unknown[] = []
  const caller = createChannel(left, {}, { peer: 'manager', onForeign: (version) => foreign.push(version) })
  caller.onMessage((message) => messages.push(message))
  left.emit('message', { v: 2, type: 'start', settings: {} })
  const failed = { v: 2, type: 'failed', code: 'EDGE_ERR_MESSAGES_FOREIGN', message: 'no' }
  left.emit('message', failed)
  t.same(foreign, [2])
  t.same(messages, [failed])
})
