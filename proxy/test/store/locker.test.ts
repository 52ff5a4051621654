import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { openFileLocker } from '../../src/store/file-locker.ts'
import { createRedisLocker } from '../../src/store/redis-locker.ts'
import { openRedis } from '../../src/store/redis.ts'
import { startRedis } from './redis-server.ts'
import type { Locker } from '../../src/certificates/contracts.ts'

/** Short, so that a killed holder's lock ends soon. */
const LOCK_MS = 900
const patience = (): AbortSignal => AbortSignal.timeout(10_000)

/** Another process that holds the lock; resolves once it does. */
async function holdElsewhere(kind: 'file' | 'redis', place: string, name: string): Promise<{ kill(): Promise<void> }> {
  const script = join(import.meta.dirname, 'hold-lock.ts')
  const child = spawn(process.execPath, [script, kind, place, name, String(LOCK_MS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] },
  })
  await once(child.stdout, 'data')
  return {
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

/** What every locker does. Two lockers stand for two processes, where a process of its own is not needed. */
async function contract(t: Test, kind: 'file' | 'redis', place: string, lockers: [Locker, Locker]): Promise<void> {
  const [one, two] = lockers

  await t.test('one holder at a time, all get their turn', async (t) => {
    let holders = 0
    let most = 0
    const turn = async (locker: Locker): Promise<void> => {
      const lock = await locker.acquire('turns.example', patience())
      holders += 1
      most = Math.max(most, holders)
      await new Promise(setImmediate)
      holders -= 1
      await lock.release()
    }
    await Promise.all([one, two, one, two, one, two].map(turn))
    t.equal(most, 1)
  })

  await t.test('names do not wait for one another', async () => {
    const lock = await one.acquire('a.example', patience())
    const other = await two.acquire('b.example', patience())
    await other.release()
    await lock.release()
  })

  await t.test('an abort ends the wait with its reason', async (t) => {
    const lock = await one.acquire('aborted.example', patience())
    const abort = new AbortController()
    const waiting = two.acquire('aborted.example', abort.signal)
    abort.abort(new Error('enough'))
    await t.rejects(waiting, { message: 'enough' })
    await t.rejects(two.acquire('aborted.example', abort.signal), { message: 'enough' })
    await lock.release()
    const next = await two.acquire('aborted.example', patience())
    await next.release()
  })

  await t.test('another process holds it until it is killed with -9', async (t) => {
    const holder = await holdElsewhere(kind, place, 'killed.example')
    await t.rejects(one.acquire('killed.example', AbortSignal.timeout(LOCK_MS * 1.5)), { name: 'TimeoutError' })
    await holder.kill()
    const lock = await one.acquire('killed.example', patience())
    await lock.release()
  })
}

await t.test('file locker', async (t) => {
  const folder = join(t.testdir(), 'locks')
  const lockers: [Locker, Locker] = [await openFileLocker(folder), await openFileLocker(folder)]
  await contract(t, 'file', folder, lockers)
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const file of await readdir(folder)) {
    const { mode, size } = await stat(join(folder, file))
    t.equal(size, 0, 'lock files stay empty')
    t.equal(mode & 0o777, 0o600)
  }

  await t.test('says that the store is unavailable when the folder is gone', async (t) => {
    const gone = join(t.testdir(), 'gone')
    const locker = await openFileLocker(gone)
    await rm(gone, { recursive: true })
    await t.rejects(locker.acquire('one.example', patience()), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  })
})

await t.test('redis locker', async (t) => {
  const server = await startRedis(t.testdir())
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const locker = createRedisLocker(store, LOCK_MS)
  await contract(t, 'redis', server.url, [locker, createRedisLocker(store, LOCK_MS)])

  await t.test('is released in redis, outside the prefix of other programs', async (t) => {
    const lock = await locker.acquire('keys.example', patience())
    t.same((await redis.keys('*keys.example')).toSorted(), ['edge:fence:keys.example', 'edge:lock:keys.example'])
    t.equal(Number(await redis.get('edge:fence:keys.example')), lock.fence)
    t.ok((await redis.pttl('edge:lock:keys.example')) > 0)
    await lock.release()
    t.same(await redis.keys('*keys.example'), ['edge:fence:keys.example'])
    t.ok((await redis.pttl('edge:fence:keys.example')) > 0, 'and ends by itself')
  })

  await t.test('the fence of each holder is greater, also after redis lost all of it', async (t) => {
    const fences: number[] = []
    for (let holders = 0; holders < 4; holders += 1) {
      const lock = await locker.acquire('fence.example', patience())
      fences.push(lock.fence ?? 0)
      await lock.release()
      if (holders === 2) await redis.flushall()
    }
    t.same(
      fences,
      fences.toSorted((one, other) => one - other),
    )
    t.equal(new Set(fences).size, 4)
  })

  await t.test('never releases the lock of the next holder, and says that its own was lost', async (t) => {
    const faults = new Promise<string>((resolve) => {
      t.teardown(edgeChannel('fault').subscribe((fault) => resolve(fault.message)))
    })
    const lock = await locker.acquire('stolen.example', patience())
    await redis.set('edge:lock:stolen.example', 'somebody else')
    t.equal(await faults, 'lock was lost')
    t.match(lock.lost.reason, { code: 'EDGE_ERR_STORE_FENCED' })
    await lock.release()
    t.equal(await redis.get('edge:lock:stolen.example'), 'somebody else')
    await redis.del('edge:lock:stolen.example')
  })

  await t.test(
    'rejects when redis goes away, releasing quietly; the lock is lost in the time that it lasts',
    async (t) => {
      const lock = await locker.acquire('away.example', patience())
      const kept = await locker.acquire('kept.example', patience())
      redis.disconnect()
      await server.stop()
      await t.rejects(locker.acquire('other.example', patience()), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
      await t.resolves(lock.release())
      if (!kept.lost.aborted) await once(kept.lost, 'abort')
      t.match(kept.lost.reason, { code: 'EDGE_ERR_STORE_FENCED' })
      t.equal(lock.lost.aborted, false, 'what was released is not lost')
    },
  )
})
