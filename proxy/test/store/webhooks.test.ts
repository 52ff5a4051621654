import { execFileSync, spawn } from 'node:child_process'
import { hash } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { collect } from '../../src/collect.ts'
import { openFileWebhooks } from '../../src/store/file-webhooks.ts'
import { createRedisLocker } from '../../src/store/redis-locker.ts'
import { createRedisWebhooks } from '../../src/store/redis-webhooks.ts'
import { openRedis } from '../../src/store/redis.ts'
import { createSealer } from '../../src/store/seal.ts'
import { createWebhookQueue } from '../../src/store/webhooks.ts'
import type { Webhook, WebhookQueue } from '../../src/webhooks/contracts.ts'
import { QUEUE_LIMITS, type QueueLimits } from '../../src/webhooks/limits.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'
import { makeStoreKey } from './stores.ts'

const PATH = '/clients/dropbox/webhook'
const LEAD_MS = 600

type Place = {
  /** Opens it, once more each time, as another process or machine would. */
  open(limits?: Partial<QueueLimits>, key?: string): Promise<WebhookQueue>
  /** All that is kept there, as text. */
  dump(): Promise<string>
}

async function makePlace(t: Test, kind: 'file' | 'redis'): Promise<Place> {
  const folder = temporaryDirectory(t)
  if (kind === 'file') {
    return {
      async open(limits, key) {
        const queue = await openFileWebhooks(folder, createSealer({ key }), { ...QUEUE_LIMITS, ...limits })
        t.teardown(() => queue.close())
        return queue
      },
      async dump() {
        const files = (await readdir(folder)).filter((name) => name.startsWith('webhooks.sqlite'))
        return (await Promise.all(files.map((name) => readFile(join(folder, name), 'latin1')))).join('\n')
      },
    }
  }
  const server = await startRedis(folder)
  t.teardown(() => server.stop())
  return {
    async open(limits, key) {
      const store = await openRedis(server.url)
      t.teardown(() => store.close())
      const records = createRedisWebhooks(store, { ...QUEUE_LIMITS, ...limits })
      return createWebhookQueue(records, createRedisLocker(store, LEAD_MS), createSealer({ key }))
    },
    async dump() {
      const redis = new Redis(server.url)
      const keys = await redis.keys('edge:webhook:record:*')
      const records = await Promise.all(keys.map((key) => redis.hgetall(key)))
      redis.disconnect()
      return JSON.stringify([keys, records])
    },
  }
}

let count = 0
function make(body: string | Buffer = `{"number": ${++count}}`, path = PATH): Webhook {
  const id = (++count).toString(16).padStart(32, '0')
  const headers = ['Host', 'blot.im', 'X-Odd', 'caf\xe9', 'Content-Type', 'application/json']
  const request = { method: 'POST', target: `${path}?a=%2f`, headers, body: Buffer.from(body) }
  return {
    id,
    path,
    digest: hash('sha256', `${path} ${String(body)}`),
    acceptedAtMs: 1_767_225_600_000 + count,
    request,
  }
}

for (const kind of ['file', 'redis'] as const) {
  await t.test(`webhooks, ${kind}`, async (t) => {
    await t.test('what is kept is what came, in the order in which it came, path by path', async (t) => {
      const place = await makePlace(t, kind)
      const [one, two] = [await place.open(), await place.open()]
      t.same(await one.paths(), [])
      t.equal(await one.next(PATH), undefined)
      t.same(await one.counts(), { waiting: 0, dead: 0, oldestSinceMs: undefined })
      const bodies = [Buffer.from([0, 255, 10, 13, 128]), Buffer.alloc(1024 * 1024, 'é'), Buffer.alloc(0)]
      const webhooks = bodies.map((body) => make(body))
      for (const webhook of webhooks) t.equal(await one.add(webhook), webhook.id)
      const other = make('x', '/hooks/other')
      await two.add(other)
      t.same((await two.paths()).toSorted(), [PATH, '/hooks/other'])
      t.equal(await two.hasWaiting(PATH), true)
      t.equal(await two.hasWaiting('/clients'), false)
      t.match(await two.counts(), { waiting: 4, dead: 0, oldestSinceMs: webhooks[0]?.acceptedAtMs })
      for (const webhook of webhooks) {
        const view = await two.next(PATH)
        const { id, path, acceptedAtMs, request } = webhook
        t.match(view, { id, path, acceptedAtMs, sinceMs: acceptedAtMs, state: 'waiting', bytes: request.body.length })
        t.match(view, { attempts: 0, failures: 0, triedAtMs: undefined, error: undefined })
        t.same(await two.read(webhook.id), webhook)
        t.equal(await two.remove(webhook.id), true)
        t.equal(await one.remove(webhook.id), false, 'once')
      }
      t.same(await one.paths(), ['/hooks/other'])
      t.equal(await one.read(webhooks[0]?.id ?? ''), undefined)
      t.equal(await one.find('0'.repeat(32)), undefined)
    })

    await t.test(
      'equal ones that nobody has seen are kept once, and one that was tried stands for itself alone',
      async (t) => {
        const place = await makePlace(t, kind)
        const [one, two] = [await place.open(), await place.open()]
        const first = make('equal')
        await one.add(first)
        for (let i = 0; i < 100; i++) t.equal(await (i % 2 === 0 ? one : two).add(make('equal')), first.id)
        t.equal((await two.add(make('equal', '/hooks/other'))) === first.id, false, 'another path')
        t.equal((await one.counts()).waiting, 2)
        t.equal(await two.begin(first.id), 1)
        // The app may have seen it, and will pass over its id.
        const second = make('equal')
        t.equal(await one.add(second), second.id)
        t.equal(await one.add(make('equal')), second.id)
        const tried = { attempts: 1, failures: 0, error: 'EDGE_ERR_UPSTREAM_TIMEOUT' }
        const third = make('equal')
        t.equal(await one.add(third, tried), third.id, 'one that was sent already')
        t.match(await one.find(third.id), { ...tried, triedAtMs: third.acceptedAtMs })
        t.equal(await two.add(third, tried), third.id, 'the same id, once more')
        t.equal((await one.counts()).waiting, 4)
        t.equal(await two.remove(second.id), true)
        const fourth = make('equal')
        t.equal(await two.add(fourth), fourth.id, 'nobody stands for it any more')
      },
    )

    await t.test('tries are counted; one that is given up makes way, and may be tried again', async (t) => {
      const place = await makePlace(t, kind)
      const queue = await place.open()
      const [first, second] = [make(), make()]
      await queue.add(first)
      await queue.add(second)
      t.equal(await queue.begin(first.id), 1)
      await queue.note(first.id, { error: '500', isFailure: true })
      t.equal(await queue.begin(first.id), 2)
      await queue.note(first.id, { error: 'EDGE_ERR_UPSTREAM_REFUSED', isFailure: false })
      const view = await queue.next(PATH)
      t.match(view, { id: first.id, attempts: 2, failures: 1, error: 'EDGE_ERR_UPSTREAM_REFUSED' })
      t.ok((view?.triedAtMs ?? 0) > first.acceptedAtMs)

      t.same(await queue.bury(first.id, 'refused 8 times'), [])
      t.match(await queue.find(first.id), {
        state: 'dead',
        attempts: 2,
        error: 'refused 8 times',
        acceptedAtMs: first.acceptedAtMs,
      })
      t.equal((await queue.next(PATH))?.id, second.id)
      t.match(await queue.counts(), { waiting: 1, dead: 1 })
      t.equal(await queue.begin(first.id), undefined)
      t.same(await queue.bury(first.id, 'again'), [])
      t.same(await collect(queue.list('waiting')), [await queue.find(second.id)])
      t.same(await collect(queue.list('dead')), [await queue.find(first.id)])

      t.equal(await queue.retry(first.id), true)
      t.match(
        await collect(queue.list('waiting')),
        [{ id: second.id }, { id: first.id, attempts: 2, failures: 0 }],
        'behind the others',
      )
      t.same(await queue.read(first.id), first)
      await queue.note(second.id, { error: '500', isFailure: true })
      t.equal(await queue.retry(second.id), true)
      t.match(await queue.next(PATH), { id: second.id, failures: 0 }, 'in its place')
      t.equal(await queue.retry('0'.repeat(32)), false)
      await queue.bury(second.id, 'gone')
      t.equal(await queue.remove(second.id), true)
      t.match(await queue.counts(), { waiting: 1, dead: 0 })
    })

    await t.test('one that could not be read waits again beside an equal one that came since', async (t) => {
      const place = await makePlace(t, kind)
      const queue = await place.open()
      const [first, second] = [make('equal'), make('equal')]
      await queue.add(first)
      await queue.bury(first.id, 'EDGE_ERR_STORE_KEY_UNKNOWN')
      t.equal(await queue.add(second), second.id)
      t.equal(await queue.retry(first.id), true)
      t.match(await collect(queue.list('waiting')), [{ id: second.id }, { id: first.id, attempts: 0 }])
      t.ok([first.id, second.id].includes(await queue.add(make('equal'))))
      for (const { id } of [first, second]) {
        t.equal(await queue.begin(id), 1)
        t.equal(await queue.remove(id), true)
      }
      const third = make('equal')
      t.equal(await queue.add(third), third.id)
    })

    await t.test('what is full takes nothing, and loses nothing that waits', async (t) => {
      const place = await makePlace(t, kind)
      const queue = await place.open({ waiting: 3, waitingBytes: 4000, dead: 2 })
      const kept = [make(), make(), make()]
      for (const webhook of kept) await queue.add(webhook)
      await t.rejects(queue.add(make()), { code: 'EDGE_ERR_WEBHOOKS_FULL', statusCode: 503 })
      t.equal(await queue.add({ ...make(), digest: kept[1]?.digest ?? '' }), kept[1]?.id, 'what is there needs no room')
      await queue.remove(kept[0]?.id ?? '')
      await t.rejects(queue.add(make('x'.repeat(4000))), { code: 'EDGE_ERR_WEBHOOKS_FULL' })
      await queue.add(make())
      const [first, second, third] = await collect(queue.list('waiting'))
      for (const view of [first, second]) t.same(await queue.bury(view?.id ?? '', 'x'), [])
      t.same(await queue.bury(third?.id ?? '', 'x'), [first?.id], 'the oldest that was given up goes')
      t.match(await queue.counts(), { waiting: 0, dead: 2 })
      for (const webhook of [make(), make(), make()]) await queue.add(webhook)
      await t.rejects(queue.retry(third?.id ?? ''), { code: 'EDGE_ERR_WEBHOOKS_FULL' })
      t.match(await queue.find(third?.id ?? ''), { state: 'dead' })
    })

    await t.test('one leads at a time', async (t) => {
      const place = await makePlace(t, kind)
      const [one, two] = [await place.open(), await place.open()]
      const lead = await one.lead(AbortSignal.timeout(30_000))
      await t.rejects(two.lead(AbortSignal.timeout(200)))
      await lead.release()
      await (await two.lead(AbortSignal.timeout(30_000))).release()
      t.equal(lead.lost.aborted, false)
    })

    await t.test('with a key, nothing of it can be read; without the right one it says so', async (t) => {
      const place = await makePlace(t, kind)
      const key = makeStoreKey()
      const queue = await place.open({}, key)
      const webhook = make('the secret of a body')
      await queue.add(webhook)
      t.same(await queue.read(webhook.id), webhook)
      const dump = await place.dump()
      t.ok(dump.includes(webhook.id))
      t.notMatch(dump, /the secret|dGhlIHNlY3JldCBvZiBh|X-Odd/)
      const other = await place.open({}, makeStoreKey())
      await t.rejects(other.read(webhook.id), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN' })
      t.match(await other.next(PATH), { id: webhook.id }, 'what may be shown needs no key')
    })

    const many = kind === 'file' ? 10_000 : 1000
    await t.test(`${many} wait, and are listed`, async (t) => {
      const place = await makePlace(t, kind)
      const queue = await place.open()
      const webhooks = Array.from({ length: many }, () => make())
      for (let at = 0; at < webhooks.length; at += 50) {
        await Promise.all(webhooks.slice(at, at + 50).map((webhook) => queue.add(webhook)))
      }
      t.equal((await queue.counts()).waiting, many)
      const ids = (await collect(queue.list('waiting'))).map(({ id }) => id)
      t.same(
        ids,
        webhooks.map(({ id }) => id),
      )
      t.equal((await queue.next(PATH))?.id, webhooks[0]?.id)
    })
  })
}

await t.test('a record that somebody has deleted from Redis takes no other along', async (t) => {
  const server = await startRedis(temporaryDirectory(t))
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  const queue = createWebhookQueue(createRedisWebhooks(store, QUEUE_LIMITS), createRedisLocker(store), createSealer())
  const [gone, second, equal] = [make('equal'), make(), make('equal')]
  await queue.add(gone)
  await queue.add(second)
  await store.command((redis) => redis.del(`edge:webhook:record:${gone.id}`))
  t.equal(await queue.add(equal), equal.id, 'it stands for nobody any more')
  for (const { id } of [second, equal]) {
    t.equal((await queue.next(PATH))?.id, id)
    t.equal(await queue.remove(id), true)
  }
  t.equal(await queue.next(PATH), undefined)
  t.same(await queue.paths(), [])
  t.match(await queue.counts(), { waiting: 0 })
})

const KEEP = join(import.meta.dirname, 'keep-for-ever.ts')

await t.test('kill -9 in the middle of writes: what was acknowledged is there, whole', async (t) => {
  const folder = temporaryDirectory(t)
  const acknowledged: string[] = []
  for (let round = 1; round <= 3; round++) {
    const child = spawn(process.execPath, [KEEP, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'] },
    })
    let said = ''
    while (said.split('\n').length < 20 * round) said += String(((await once(child.stdout, 'data')) as [Buffer])[0])
    child.kill('SIGKILL')
    await once(child, 'exit')
    acknowledged.push(...said.split('\n').slice(0, -1))
  }
  const queue = await openFileWebhooks(folder, createSealer(), QUEUE_LIMITS)
  t.teardown(() => queue.close())
  const kept = (await collect(queue.list('waiting'))).map(({ id }) => id)
  t.same(
    kept.filter((id) => acknowledged.includes(id)),
    acknowledged,
    'all, in order',
  )
  for (const id of kept) t.equal((await queue.read(id))?.request.body.toString(), `body of ${id}`)
})

await t.test('a file that allowed one of equal webhooks alone is made to allow more', async (t) => {
  const folder = temporaryDirectory(t)
  const open = (): ReturnType<typeof openFileWebhooks> => openFileWebhooks(folder, createSealer(), QUEUE_LIMITS)
  const before = await open()
  const [first, second] = [make('equal'), make('equal')]
  await before.add(first)
  await before.bury(first.id, 'EDGE_ERR_STORE_KEY_UNKNOWN')
  before.close()
  const database = new DatabaseSync(join(folder, 'webhooks.sqlite'))
  database.exec("CREATE UNIQUE INDEX webhook_untried ON webhook (digest) WHERE state = 'waiting' AND attempts = 0")
  database.close()
  const queue = await open()
  t.teardown(() => queue.close())
  t.equal(await queue.add(second), second.id)
  t.equal(await queue.retry(first.id), true)
})

await t.test('a record that is torn takes no other along', async (t) => {
  const folder = temporaryDirectory(t)
  const child = spawn(process.execPath, [KEEP, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  })
  let said = ''
  while (said.split('\n').length < 20) said += String(((await once(child.stdout, 'data')) as [Buffer])[0])
  child.kill('SIGKILL')
  await once(child, 'exit')
  const wal = join(folder, 'webhooks.sqlite-wal')
  // As a power failure leaves it: the last write is there by half.
  await truncate(wal, (await stat(wal)).size - 2000)
  const queue = await openFileWebhooks(folder, createSealer(), QUEUE_LIMITS)
  t.teardown(() => queue.close())
  const kept = await collect(queue.list('waiting'))
  t.ok(kept.length >= 15, `${kept.length} are left`)
  for (const { id } of kept) t.equal((await queue.read(id))?.request.body.toString(), `body of ${id}`)
  const later = make()
  t.equal(await queue.add(later), later.id)
})

await t.test(
  'on a full disk nothing is acknowledged, and nothing lost',
  { skip: process.getuid?.() !== 0 && 'needs a mount' },
  async (t) => {
    const folder = temporaryDirectory(t)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder])
    t.teardown(() => execFileSync('umount', [folder]))
    const queue = await openFileWebhooks(folder, createSealer(), QUEUE_LIMITS)
    const kept: string[] = []
    await t.rejects(
      (async () => {
        for (;;) kept.push(await queue.add(make(`${count}`.repeat(2000))))
      })(),
      { code: 'EDGE_ERR_STORE_UNAVAILABLE', message: /full/ },
    )
    t.ok(kept.length > 3)
    t.same(
      (await collect(queue.list('waiting'))).map(({ id }) => id),
      kept,
    )
    queue.close()
    const again = await openFileWebhooks(folder, createSealer(), QUEUE_LIMITS)
    t.same(
      (await collect(again.list('waiting'))).map(({ id }) => id),
      kept,
    )
    again.close()
  },
)
