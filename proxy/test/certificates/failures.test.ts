import t from 'tap'
import { backOffMs } from '../../src/certificates/back-off.ts'
import { createFailureMemory } from '../../src/certificates/failures.ts'
import { AcmeProblem, CertificateDenied, CertificateLimited, StoreUnavailable } from '../../src/errors.ts'
import { makePlace } from '../store/stores.ts'

const MINUTE_MS = 60_000
const BACK_OFF = { code: 'EDGE_ERR_CERTIFICATE_BACK_OFF' }

function problem(kind: string, retryAfterMs?: number): AcmeProblem {
  return new AcmeProblem({ kind, status: 403, detail: `it is ${kind}`, retryAfterMs })
}

await t.test('the back-off depends on the kind, doubles, and ends at 6 hours', async (t) => {
  const range = (kind: string, count: number, leastMinutes: number): void => {
    const ms = backOffMs(problem(kind), count)
    t.ok(ms >= leastMinutes * MINUTE_MS && ms <= leastMinutes * MINUTE_MS * 1.25, `${kind} ${count}: ${ms}`)
  }
  range('dns', 1, 1)
  range('dns', 2, 2)
  range('dns', 20, 360)
  range('caa', 1, 2)
  range('serverInternal', 20, 30)
  range('rejectedIdentifier', 1, 60)
  range('somethingNew', 1, 1)
  t.equal(backOffMs(problem('rateLimited', 9 * 3600_000), 1), 9 * 3600_000, 'the CA knows better')
})

for (const kind of ['file', 'redis'] as const) {
  await t.test(`on ${kind}: what failed on one machine is left alone by all`, async (t) => {
    const place = await makePlace(t, kind)
    const clock = { ms: Date.now() }
    const now = (): number => clock.ms
    const store = await place.open(t)
    let reads = 0
    const counted = {
      ...store.failures,
      read: async (name: string) => {
        reads += 1
        return store.failures.read(name)
      },
    }
    const one = createFailureMemory(counted, now)
    const two = createFailureMemory((await place.open(t)).failures, now)
    await one.check('a.example')
    const subproblems = [{ name: 'a.example', kind: 'caa', detail: 'CAA record prevents issuance' }]
    await one.add('a.example', new AcmeProblem({ kind: 'compound', status: 403, detail: 'see below', subproblems }))
    await t.rejects(two.check('a.example'), { ...BACK_OFF, message: /a\.example .*: caa; next try in \d+ s/ })
    reads = 0
    for (let visit = 0; visit < 10; visit += 1) await t.rejects(one.check('a.example'), BACK_OFF)
    t.equal(reads, 0, 'a broken name costs no read')
    t.match(await store.failures.read('a.example'), { count: 1, kind: 'caa', detail: 'CAA record prevents issuance' })

    clock.ms += 10 * MINUTE_MS
    await two.check('a.example')
    await two.add('a.example', problem('dns'))
    t.match(await store.failures.read('a.example'), { count: 2, kind: 'dns' })
    await two.clear('a.example')
    one.forget('a.example')
    await one.check('a.example')
  })
}

await t.test('what says nothing about the name is not held against it', async (t) => {
  const store = await (await makePlace(t, 'file')).open(t)
  const memory = createFailureMemory(store.failures, Date.now)
  const limited = new CertificateLimited('a.example', { scope: 'orders:x', untilMs: Date.now(), reason: 'used up' })
  for (const error of [new StoreUnavailable('gone'), new CertificateDenied('a.example'), limited]) {
    await memory.add('a.example', error)
    await memory.check('a.example')
  }
  t.equal(await store.failures.read('a.example'), undefined)
})

await t.test('what fails while the store is away is not held against the name', async (t) => {
  const store = await (await makePlace(t, 'file')).open(t)
  const failures = { ...store.failures }
  const memory = createFailureMemory(failures, Date.now)
  failures.read = async () => Promise.reject(new StoreUnavailable('gone'))
  await memory.add('a.example', problem('unauthorized'))
  await t.rejects(memory.check('a.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  failures.read = store.failures.read
  await memory.check('a.example')
})
