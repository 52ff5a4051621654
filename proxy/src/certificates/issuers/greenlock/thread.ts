import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { correctGreenlock, type Underway } from './corrections.ts'
import type { Ask, FromThread, Replies, ThreadData, ThreadOrder, ToThread } from './messages.ts'

/** The thread that greenlock runs in: its `process.exit` ends the thread, and the engine starts another. */

type Greenlock = { order(site: object): Promise<{ cert: string; chain: string }> }

/** Where greenlock's plugins, which it loads by their paths, find the order that they are asked for. */
const UNDERWAY = Symbol.for('blot-edge.greenlock.underway')
/** Greenlock wants an address; nothing is sent to it, and the account's own is registered elsewhere. */
const NOBODY = 'nobody@localhost.invalid'

if (parentPort !== null) serve(parentPort, workerData as ThreadData)

function serve(port: MessagePort, data: ThreadData): void {
  const orders = new AsyncLocalStorage<Underway>()
  const calls = new Map<number, PromiseWithResolvers<unknown>>()
  const earlier = new Map<string, Promise<void>>()
  const tell = (message: FromThread): void => port.postMessage(message)
  let lastCall = 0

  function underway(): Underway {
    const order = orders.getStore()
    if (order === undefined) throw new Error('greenlock works without an order')
    return order
  }

  function ask<Asked extends Ask>(id: number, asked: Asked): Promise<Replies[Asked['kind']]> {
    const answered = Promise.withResolvers<unknown>()
    calls.set((lastCall += 1), answered)
    tell({ kind: 'call', id, call: lastCall, ask: asked })
    return answered.promise as Promise<Replies[Asked['kind']]>
  }

  async function carryOut(greenlock: Greenlock, id: number, order: ThreadOrder): Promise<void> {
    const own: Underway = {
      ...order,
      post: (url, payload) => ask(id, { kind: 'post', url, payload }),
      present: (challenge) => ask(id, { kind: 'present', challenge }),
      settle: (url, name) => ask(id, { kind: 'settle', url, name }),
    }
    try {
      const { cert, chain } = await orders.run(own, () => greenlock.order(siteOf(order, data)))
      tell({ kind: 'done', id, pem: `${cert}\n${chain}` })
    } catch (error) {
      tell({ kind: 'failed', id, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Greenlock takes an order for names that it is ordering already for the same one: the earlier one ends first. */
  function enqueue(greenlock: Greenlock, id: number, order: ThreadOrder): void {
    const names = order.names.toSorted().join(' ')
    const ended = (earlier.get(names) ?? Promise.resolve()).then(() => carryOut(greenlock, id, order))
    earlier.set(names, ended)
    void ended.then(() => earlier.get(names) === ended && earlier.delete(names))
  }

  Object.assign(globalThis, { [UNDERWAY]: underway })
  try {
    correctGreenlock(underway)
    const greenlock = createGreenlock(data)
    port.on('message', (message: ToThread) => {
      if (message.kind === 'order') {
        enqueue(greenlock, message.id, message.order)
        return
      }
      const call = calls.get(message.call)
      calls.delete(message.call)
      if (message.kind === 'answer') call?.resolve(message.value)
      else call?.reject(new Error('refused'))
    })
    tell({ kind: 'ready' })
  } catch (error) {
    tell({ kind: 'unfit', reason: error instanceof Error ? error.message : String(error) })
  }
}

function createGreenlock({ folder, plugins }: ThreadData): Greenlock {
  const load = createRequire(import.meta.url)
  const { create } = load('greenlock') as { create(options: object): Greenlock }
  return create({
    // Writes `.greenlockrc` there whenever it is created.
    packageRoot: folder,
    configDir: join(folder, 'greenlock.d'),
    packageAgent: 'blot-edge/1',
    maintainerEmail: NOBODY,
    // Has nothing to renew: else every success renews all sites, one after the other.
    manager: { module: plugins.manager },
    renew: false,
    notify: () => undefined,
  })
}

function siteOf({ names, directoryUrl, challengeTypes }: ThreadOrder, { plugins }: ThreadData): object {
  return {
    subject: names[0],
    altnames: [...names],
    subscriberEmail: NOBODY,
    agreeToTerms: true,
    // In each order: what `create` is told does not reach `order`, which goes to Let's Encrypt then.
    directoryUrl,
    store: { module: plugins.store },
    challenges: Object.fromEntries(challengeTypes.map((type) => [type, { module: plugins.challenge }])),
  }
}
