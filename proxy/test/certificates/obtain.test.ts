import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { createObtainer } from '../../src/certificates/obtain.ts'
import { allPermission, namesPermission } from '../../src/certificates/permission.ts'
import { createOrderBudgets } from '../../src/certificates/order-budgets.ts'
import { AcmeProblem, StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel } from '../../src/events.ts'
import { createUnwritten, startWriting } from '../../src/certificates/unwritten.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace } from '../store/stores.ts'
import { invalid, makeCertificate } from './factory.ts'
import { pollUntil } from '../until.ts'
import type { Test } from 'tap'
import type { Issuer, Vault } from '../../src/certificates/contracts.ts'
import type { Store } from '../../src/store/open.ts'
import type { Obtainer, ObtainerOptions } from '../../src/certificates/obtain.ts'

type Scripted = {
  obtainer: Obtainer
  vault: Vault
  issued: string[]
  options: ObtainerOptions
  local: Issuer
  folder: string
  second: Store
  url: string
}

const HOUR = { count: 1_000, windowMs: 3600_000 }
const LIMITS = { orders: HOUR, domain: HOUR, set: HOUR, failures: HOUR }

/** An obtainer on a store of its own, with the local CA; `issued` lists what the CA was asked for. */
async function open(
  t: Test,
  change: Partial<ObtainerOptions> = {},
  kind: 'file' | 'redis' = 'file',
): Promise<Scripted> {
  const place = await makePlace(t, kind)
  const folder = place.store.kind === 'file' ? place.store.directory : temporaryDirectory(t)
  const [store, second] = [await place.open(t), await place.open(t)]
  const local = await openLocalIssuer(folder)
  const issued: string[] = []
  const issuer: Issuer = {
    id: local.id,
    async issue(order) {
      issued.push(...order.names)
      return local.issue(order)
    },
  }
  const options: ObtainerOptions = {
    store,
    issuer,
    permission: allPermission(),
    unwritten: createUnwritten(await openFileVault(join(folder, 'unwritten'))),
    ...change,
  }
  const obtainer = createObtainer(options)
  t.teardown(() => obtainer.close())
  return {
    obtainer,
    vault: options.store.vault,
    issued,
    options,
    local,
    folder,
    second,
    url: place.store.kind === 'redis' ? place.store.url : '',
  }
}

await t.test('puts a certificate of its own key into the vault, and says so', async (t) => {
  const phases: string[] = []
  t.teardown(edgeChannel('certificate').subscribe((event) => phases.push(`${event.phase} ${event.name}`)))
  const { obtainer, vault, local } = await open(t)
  await obtainer.obtain('one.example')
  await obtainer.obtain('two.example')
  const one = await vault.read('one.example')
  const two = await vault.read('two.example')
  t.equal(one?.issuer, local.id)
  t.not(one?.privateKeyPem, two?.privateKeyPem)
  t.same(phases, ['obtaining one.example', 'obtained one.example', 'obtaining two.example', 'obtained two.example'])
})

await t.test('50 who ask for one name at once: one order', async (t) => {
  const { obtainer, issued } = await open(t)
  await Promise.all(Array.from({ length: 50 }, () => obtainer.obtain('one.example')))
  t.same(issued, ['one.example'])
})

for (const kind of ['file', 'redis'] as const) {
  await t.test(`two processes that ask at once, on ${kind}: one order`, async (t) => {
    const { obtainer, options, issued, second } = await open(t, {}, kind)
    const other = createObtainer({ ...options, store: second })
    t.teardown(() => other.close())
    await Promise.all([obtainer.obtain('one.example'), other.obtain('one.example')])
    t.same(issued, ['one.example'])
    await Promise.all([obtainer.obtain('one.example', { renew: true }), other.obtain('one.example', { renew: true })])
    t.same(issued, ['one.example', 'one.example'], 'who waited for a renewal is content with it')
    t.ok(await second.schedule.dueAtMs('one.example'), 'its renewal is planned')
  })
}

for (const kind of ['file', 'redis'] as const) {
  await t.test(`a CA that says 429, on ${kind}: no machine asks before its time`, async (t) => {
    const asked: string[] = []
    const detail = 'too many new orders (300) from this account in the last 3h0m0s'
    const issuer: Issuer = {
      id: 'acme:tired',
      async issue({ names }) {
        asked.push(...names)
        throw new AcmeProblem({ kind: 'rateLimited', status: 429, detail, retryAfterMs: 3600_000 })
      },
    }
    const one = await open(t, { issuer }, kind)
    const machine = (store: Store): Obtainer => {
      const budgets = createOrderBudgets(store.budgets, LIMITS, issuer.id)
      const obtainer = createObtainer({ ...one.options, store, budgets })
      t.teardown(() => obtainer.close())
      return obtainer
    }
    const [first, second] = [machine(one.options.store as Store), machine(one.second)]
    await t.rejects(first.obtain('one.example'), { code: 'EDGE_ERR_ACME_PROBLEM' })
    for (const obtainer of [first, second]) {
      await t.rejects(obtainer.obtain('one.example'), {
        code: 'EDGE_ERR_CERTIFICATE_BACK_OFF',
        message: /next try in 3\d{3} s/,
      })
      await t.rejects(obtainer.obtain('two.example'), { code: 'EDGE_ERR_CERTIFICATE_LIMITED', message: /300/ })
    }
    t.same(asked, ['one.example'])
  })
}

await t.test('a lock that passed on while the CA issued: nothing is overwritten, and nothing lost', async (t) => {
  const { obtainer, vault, options, issued, second, url } = await open(t, {}, 'redis')
  const redis = new Redis(url)
  t.teardown(() => redis.disconnect())
  const newer = await makeCertificate('one.example')
  const { write } = vault
  vault.write = async (certificate, fence) => {
    vault.write = write
    // The lock ran out meanwhile; another machine took it and wrote.
    await redis.del('edge:lock:one.example')
    const lock = await second.locker.acquire(certificate.name, AbortSignal.timeout(5_000))
    await second.vault.write(newer, lock.fence)
    await lock.release()
    await write(certificate, fence)
  }
  await t.rejects(obtainer.obtain('one.example'), { code: 'EDGE_ERR_STORE_FENCED' })
  t.equal((await vault.read('one.example'))?.chainPem, newer.chainPem)
  t.ok(await options.unwritten.read('one.example'))
  await obtainer.obtain('one.example')
  t.same(issued, ['one.example'], 'it is not held against the name, and nothing is ordered again')
})

await t.test('50 names at once', async (t) => {
  const { obtainer, issued } = await open(t)
  const names = Array.from({ length: 50 }, (_, index) => `site-${index}.example`)
  await Promise.all(names.map((name) => obtainer.obtain(name)))
  t.equal(issued.length, 50)
})

await t.test('what is there is kept until it is due, damaged, or of a former local CA', async (t) => {
  const { obtainer, vault, issued, folder } = await open(t)
  await vault.write(await makeCertificate('fine.example'))
  await vault.write(await makeCertificate('due.example', { daysLeft: 10 }))
  await vault.write(await makeCertificate('former.example', { issuer: 'local:0123456789abcdef' }))
  await writeFile(join(folder, 'certificates', 'damaged.example.json'), '{')
  for (const name of ['fine.example', 'due.example', 'former.example', 'damaged.example']) await obtainer.obtain(name)
  t.same(issued, ['due.example', 'former.example', 'damaged.example'])
  t.ok(await vault.read('damaged.example'))
})

await t.test('a name that is not permitted is never ordered', async (t) => {
  const { obtainer, issued } = await open(t, { permission: namesPermission(['own.example']) })
  await t.rejects(obtainer.obtain('stranger.example'), { code: 'EDGE_ERR_CERTIFICATE_DENIED' })
  t.same(issued, [])
  await obtainer.obtain('own.example')
})

await t.test('nothing of a bad answer reaches the vault', async (t) => {
  const other = await makeCertificate('one.example')
  const answers: [RegExp, Issuer['issue']][] = [
    [/no certificate/, async () => ({ certificatePem: '', chainPem: '' })],
    [/key does not match/, async () => ({ certificatePem: other.chainPem, chainPem: '' })],
  ]
  const phases: (string | undefined)[] = []
  t.teardown(edgeChannel('certificate').subscribe((event) => phases.push(event.phase, event.reason)))
  for (const [reason, issue] of answers) {
    const { obtainer, vault } = await open(t, { issuer: { id: 'odd', issue } })
    await t.rejects(obtainer.obtain('one.example'), invalid(reason))
    t.equal(await vault.read('one.example'), undefined)
    t.match(phases.splice(0), ['obtaining', undefined, 'failed', reason])
  }
})

await t.test('a name that failed is refused at once until its back-off is over', async (t) => {
  const clock = { ms: Date.now() }
  let orders = 0
  let issue: Issuer['issue'] = async () => Promise.reject(new Error('the CA is away'))
  const issuer: Issuer = {
    id: 'moody',
    issue: async (order) => {
      orders += 1
      return issue(order)
    },
  }
  const { obtainer, local } = await open(t, { issuer, now: () => clock.ms })
  const backOff = { code: 'EDGE_ERR_CERTIFICATE_BACK_OFF', message: /one\.example .*next try in \d+ s/ }
  await t.rejects(obtainer.obtain('one.example'), { message: 'the CA is away' })
  await t.rejects(obtainer.obtain('one.example'), backOff)
  clock.ms += 59_000
  await t.rejects(obtainer.obtain('one.example'), backOff)
  t.equal(orders, 1)
  clock.ms += 60_000
  await t.rejects(obtainer.obtain('one.example'), { message: 'the CA is away' })
  clock.ms += 119_000
  await t.rejects(obtainer.obtain('one.example'), backOff, 'twice as long after the second')
  t.equal(orders, 2)
  issue = (order) => local.issue(order)
  clock.ms += 60_000
  await obtainer.obtain('one.example')
  t.equal(orders, 3)
})

await t.test('what was issued while the store is away is kept, and written once it is back', async (t) => {
  const { obtainer, vault, issued, options } = await open(t)
  const { write } = vault
  vault.write = async () => Promise.reject(new StoreUnavailable('gone'))
  await t.rejects(obtainer.obtain('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  vault.write = write
  const kept = await options.unwritten.read('one.example')
  const writing = startWriting(options.unwritten, obtainer)
  t.teardown(() => writing.close())
  await pollUntil(async () => (await vault.read('one.example')) !== undefined)
  t.equal((await vault.read('one.example'))?.chainPem, kept?.chainPem)
  await pollUntil(async () => (await options.unwritten.read('one.example')) === undefined)
  t.same(issued, ['one.example'], 'certificates are limited: one order')
})

await t.test('a certificate that was kept does not take the place of a newer one', async (t) => {
  const { obtainer, vault, issued, options } = await open(t)
  await options.unwritten.keep(await makeCertificate('one.example', { madeAtMs: Date.now() - 86_400_000 }))
  const newer = await makeCertificate('one.example')
  await vault.write(newer)
  await obtainer.obtain('one.example')
  t.equal((await vault.read('one.example'))?.chainPem, newer.chainPem)
  t.equal(await options.unwritten.read('one.example'), undefined)
  t.same(issued, [])
})

await t.test('an issuer that hangs is given up, and who waits may leave before', async (t) => {
  const issuer: Issuer = { id: 'hanging', issue: () => new Promise(() => {}) }
  const { obtainer, options } = await open(t, { issuer, deadlineMs: 100 })
  const leave = new AbortController()
  const left = obtainer.obtain('one.example', {}, leave.signal)
  leave.abort(new Error('the visitor is gone'))
  await t.rejects(left, { message: 'the visitor is gone' })
  await t.rejects(obtainer.obtain('one.example'), { name: 'TimeoutError' })
  const lock = await options.store.locker.acquire('one.example', AbortSignal.timeout(5_000))
  await lock.release()
})

await t.test('a visitor takes the order along that was only to prepare his name', async (t) => {
  const { options, local } = await open(t)
  const began = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const issued: string[] = []
  const issuer: Issuer = {
    id: 'slow',
    async issue(order) {
      issued.push(...order.names)
      began.resolve()
      await goOn.promise
      return local.issue(order)
    },
  }
  const failures = { ...options.store.failures, read: async () => undefined }
  const obtainer = createObtainer({ ...options, store: { ...options.store, failures }, issuer, queue: { places: 1 } })
  t.teardown(() => obtainer.close())
  const orders = [obtainer.obtain('busy.example')]
  await began.promise
  orders.push(
    obtainer.obtain('early.example', { lane: 'ahead' }),
    obtainer.obtain('visited.example', { lane: 'ahead' }),
  )
  orders.push(obtainer.obtain('visited.example'))
  // Until each is in the queue.
  await setImmediate()
  goOn.resolve()
  await Promise.all(orders)
  t.same(issued, ['busy.example', 'visited.example', 'early.example'])
})

await t.test('orders at one time are bounded, and so are those that wait', async (t) => {
  const turns: (() => void)[] = []
  let underway = 0
  let most = 0
  const { obtainer, local } = await open(t, {
    queue: { places: 2, perLane: 2 },
    issuer: {
      id: 'slow',
      async issue(order) {
        underway += 1
        most = Math.max(most, underway)
        await new Promise<void>((resolve) => turns.push(resolve))
        underway -= 1
        return local.issue(order)
      },
    },
  })
  const names = ['a.example', 'b.example', 'c.example', 'd.example']
  const orders = names.map((name) => obtainer.obtain(name))
  await t.rejects(obtainer.obtain('e.example'), { code: 'EDGE_ERR_CERTIFICATE_BUSY' })
  // Both places are taken before anybody leaves one.
  await pollUntil(() => underway === 2)
  for (let done = 0; done < names.length; done += 1) {
    await pollUntil(() => turns.length > 0)
    turns.shift()?.()
  }
  await Promise.all(orders)
  t.equal(most, 2)
})

await t.test('close ends what is under way and lets go of the locks', async (t) => {
  const asked = Promise.withResolvers<void>()
  const issuer: Issuer = {
    id: 'hanging',
    issue: async () => {
      asked.resolve()
      return new Promise(() => {})
    },
  }
  const { obtainer, options } = await open(t, { issuer, queue: { places: 1 } })
  const orders = ['one.example', 'two.example'].map((name) => obtainer.obtain(name))
  const outcomes = Promise.allSettled(orders)
  await asked.promise
  await obtainer.close()
  for (const outcome of await outcomes) t.match(outcome, { status: 'rejected', reason: { name: 'AbortError' } })
  const lock = await options.store.locker.acquire('one.example', AbortSignal.timeout(5_000))
  await lock.release()
})
