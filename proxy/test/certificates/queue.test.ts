import t from 'tap'
import { createOrderQueue } from '../../src/certificates/queue.ts'
import type { Lane, OrderQueue } from '../../src/certificates/queue.ts'

const LIMITS = { places: 1, perLane: 10_000, perDomain: 1_000 }
const never = new AbortController().signal

/** Asks for places in this order, then gives them back one by one. @returns the names in the order they were served. */
async function serve(queue: OrderQueue, wishes: readonly (readonly [string, Lane])[]): Promise<string[]> {
  const served: string[] = []
  const first = await queue.take('first.test', 'renewal', never)
  const all = wishes.map(async ([name, lane]) => {
    const leave = await queue.take(name, lane, never)
    served.push(name)
    leave()
  })
  first()
  await Promise.all(all)
  return served
}

await t.test('a thousand names of one domain delay nobody else', async (t) => {
  const queue = createOrderQueue(LIMITS)
  const crowd = Array.from({ length: 999 }, (_, index) => [`s${index}.crowd.example`, 'visitor'] as const)
  const served = await serve(queue, [...crowd, ['one.example', 'visitor'], ['two.example', 'visitor']])
  t.ok(served.indexOf('one.example') < 3)
  t.ok(served.indexOf('two.example') < 4)
  t.equal(served.length, 1_001)
})

await t.test('renewals go first, and neither lane waits for ever', async (t) => {
  const queue = createOrderQueue(LIMITS)
  const wishes = Array.from({ length: 20 }, (_, index) => [
    [`v${index}.example`, 'visitor'] as const,
    [`r${index}.test`, 'renewal'] as const,
  ]).flat()
  const served = await serve(queue, wishes)
  const lanes = served.map((name) => name[0])
  t.equal(lanes.slice(0, 16).filter((lane) => lane === 'r').length, 12)
  t.ok(lanes.slice(0, 4).includes('v'))
})

await t.test('who waits in a handshake goes before names that are prepared, which follow their visitor', async (t) => {
  const queue = createOrderQueue(LIMITS)
  const served: string[] = []
  const first = await queue.take('first.test', 'renewal', never)
  const take = async (name: string, lane: Lane): Promise<void> => {
    const leave = await queue.take(name, lane, never)
    served.push(name)
    leave()
  }
  const all = ['early.test', 'visited.test'].map((name) => take(name, 'ahead'))
  all.push(take('waiting.test', 'visitor'))
  queue.hurry('visited.test')
  queue.hurry('nobody.test')
  first()
  await Promise.all(all)
  t.same(served, ['waiting.test', 'visited.test', 'early.test'])
})

await t.test('one domain has half of the places at most', async (t) => {
  const queue = createOrderQueue({ ...LIMITS, places: 4 })
  const taken: string[] = []
  const leaves: (() => void)[] = []
  const take = async (name: string): Promise<void> => {
    leaves.push(await queue.take(name, 'visitor', never))
    taken.push(name)
  }
  const all = ['a.one.example', 'b.one.example', 'c.one.example', 'a.two.example'].map(take)
  await all[3]
  t.same(taken, ['a.one.example', 'b.one.example', 'a.two.example'])
  leaves[0]?.()
  await Promise.all(all)
  t.same(taken.at(-1), 'c.one.example')
})

await t.test('is bounded by lane and by domain', async (t) => {
  const queue = createOrderQueue({ places: 1, perLane: 3, perDomain: 2 })
  const leave = await queue.take('first.example', 'visitor', never)
  const pass = async (name: string, lane: Lane): Promise<void> => (await queue.take(name, lane, never))()
  const held = ['a.one.example', 'b.one.example'].map((name) => pass(name, 'visitor'))
  const busy = { code: 'EDGE_ERR_CERTIFICATE_BUSY' }
  await t.rejects(pass('c.one.example', 'visitor'), busy)
  held.push(pass('two.example', 'visitor'))
  await t.rejects(pass('three.example', 'visitor'), busy)
  held.push(pass('three.example', 'renewal'))
  leave()
  await Promise.all(held)
})

await t.test('who leaves the queue gives its turn to the next', async (t) => {
  const queue = createOrderQueue(LIMITS)
  const leave = await queue.take('first.example', 'visitor', never)
  const leaving = new AbortController()
  const left = queue.take('gone.example', 'visitor', leaving.signal)
  const next = queue.take('next.example', 'visitor', never)
  leaving.abort(new Error('gone'))
  await t.rejects(left, { message: 'gone' })
  await t.rejects(queue.take('late.example', 'visitor', leaving.signal), { message: 'gone' })
  leave()
  await t.resolves(next)
})
