import { join } from 'node:path'
import t from 'tap'
import { createObtainer } from '../../src/certificates/obtain.ts'
import { cachePermission } from '../../src/certificates/permission.ts'
import { scheduledTimeMs } from '../../src/certificates/renewal.ts'
import { createRenewals, startRenewals } from '../../src/certificates/renewals.ts'
import { createUnwritten } from '../../src/certificates/unwritten.ts'
import { AcmeProblem, StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel } from '../../src/events.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace, makeStoreKey } from '../store/stores.ts'
import { DAY_MS, makeCertificate } from './factory.ts'
import { makeLeaf } from '../../src/certificates/issuers/leaf.ts'
import { pollUntil } from '../until.ts'
import type { Test } from 'tap'
import type { Issuer, RenewalInfo } from '../../src/certificates/contracts.ts'

const HOUR_MS = 3600_000
const never = new AbortController().signal

/** One machine on a store of its own, with a clock that the test moves, and a CA that it commands. */
async function open(t: Test, kind: 'file' | 'redis' = 'file') {
  const place = await makePlace(t, kind)
  const store = await place.open(t)
  const script = {
    clock: { ms: Date.now() },
    issued: [] as string[],
    lifetimeMs: 90 * DAY_MS,
    backdatedMs: 0,
    replaced: [] as (string | undefined)[],
    permits: async (_name: string): Promise<boolean> => true,
    refuse: undefined as AcmeProblem | undefined,
    suggest: undefined as ((chainPem: string) => RenewalInfo | undefined) | undefined,
  }
  const now = (): number => script.clock.ms
  const issuer: Issuer = {
    id: 'scripted',
    async issue({ names, privateKeyPem, replaces }) {
      script.issued.push(...names)
      script.replaced.push(replaces)
      if (script.refuse !== undefined) throw script.refuse
      const notAfterMs = now() + script.lifetimeMs
      const leaf = {
        names: [...names],
        privateKeyPem,
        nowMs: now() - script.backdatedMs,
        notAfterMs,
        signer: undefined,
      }
      return { certificatePem: await makeLeaf(leaf), chainPem: '' }
    },
    renewalInfo: async (chainPem) => script.suggest?.(chainPem),
  }
  const permission = cachePermission({ ask: (name) => script.permits(name) }, { timeoutMs: 1_000, now })
  const folder = await openFileVault(join(temporaryDirectory(t), 'unwritten'))
  const obtainer = createObtainer({ store, issuer, permission, unwritten: createUnwritten(folder), now })
  t.teardown(() => obtainer.close())
  const renewals = createRenewals({ store, issuer, permission, obtainer, now })
  /** Lets time pass in steps of three hours, as a machine that looks again and again. */
  const pass = async (ms: number): Promise<void> => {
    const endMs = script.clock.ms + ms
    while (script.clock.ms < endMs) {
      script.clock.ms = Math.min(endMs, script.clock.ms + 3 * HOUR_MS)
      await renewals.round(never)
    }
  }
  return { place, store, script, issuer, permission, obtainer, renewals, pass, now }
}

for (const kind of ['file', 'redis'] as const) {
  await t.test(`on ${kind}: a quiet name is renewed at two thirds of its life, again and again`, async (t) => {
    const { store, script, obtainer, pass } = await open(t, kind)
    await obtainer.obtain('quiet.example')
    await pass(50 * DAY_MS)
    t.equal(script.issued.length, 1)
    await pass(15 * DAY_MS)
    t.equal(script.issued.length, 2)
    const stored = await store.vault.read('quiet.example')
    t.ok((stored?.notAfterMs ?? 0) > script.clock.ms + 80 * DAY_MS)
    await pass(65 * DAY_MS)
    t.equal(script.issued.length, 3)
  })
}

await t.test('certificates of 45 and of 6 days follow the same rule', async (t) => {
  for (const days of [45, 6]) {
    const { script, obtainer, pass } = await open(t)
    script.lifetimeMs = days * DAY_MS
    await obtainer.obtain('short.example')
    await pass(days * 0.6 * DAY_MS)
    t.equal(script.issued.length, 1)
    await pass(days * 0.1 * DAY_MS)
    t.equal(script.issued.length, 2, `${days} days`)
  }
})

await t.test('the CA says when: in its window, at a moment of the name', async (t) => {
  const { store, script, obtainer, pass, now } = await open(t)
  const startedMs = now()
  await obtainer.obtain('asked.example')
  const first = await store.vault.read('asked.example')
  script.suggest = (chainPem) => {
    if (chainPem !== first?.chainPem) return undefined
    const [startMs, endMs] = [startedMs + 80 * DAY_MS, startedMs + 81 * DAY_MS]
    return { startMs, endMs, explanationUrl: undefined, retryAfterMs: 6 * HOUR_MS }
  }
  await pass(79 * DAY_MS)
  t.equal(script.issued.length, 1, 'later than two thirds, since the CA says so')
  await pass(3 * DAY_MS)
  t.equal(script.issued.length, 2)
  t.match(script.replaced[1], /^[\w-]+\.[\w-]+$/, 'the CA is told which certificate it replaces')
})

await t.test('a visit renews nothing before the moment that the CA chose, unless time runs out', async (t) => {
  const { store, script, obtainer, pass, now } = await open(t)
  const startedMs = now()
  await obtainer.obtain('visited.example')
  const at = (days: number): number => startedMs + days * DAY_MS
  script.suggest = () => ({ startMs: at(88), endMs: at(89), explanationUrl: undefined, retryAfterMs: 24 * HOUR_MS })
  await pass(75 * DAY_MS)
  await obtainer.obtain('visited.example', { lane: 'renewal' })
  t.equal(script.issued.length, 1)
  await pass(7 * DAY_MS)
  await obtainer.obtain('visited.example', { lane: 'renewal' })
  t.equal(script.issued.length, 2, 'in the last tenth of its life nobody waits')
  t.ok(((await store.vault.read('visited.example'))?.notAfterMs ?? 0) > at(160))
})

await t.test('a CA whose certificates are due as they come is asked once a round', async (t) => {
  const { script, obtainer, renewals } = await open(t)
  script.backdatedMs = 80 * DAY_MS
  script.lifetimeMs = DAY_MS
  await obtainer.obtain('old.example')
  await renewals.round(never)
  t.equal(script.issued.length, 2)
})

await t.test('a record under a key that this machine has not keeps no other name from its renewal', async (t) => {
  const { place, store, script, issuer, permission, obtainer, pass, now } = await open(t)
  await obtainer.obtain('quiet.example')
  const other = await place.open(t, { storeKey: makeStoreKey() })
  await other.vault.write(await makeCertificate('sealed.example'))
  await store.schedule.set('sealed.example', now())
  const sealed = await place.readRaw('sealed.example')
  await pass(65 * DAY_MS)
  t.same(script.issued, ['quiet.example', 'quiet.example'])
  t.equal(await place.readRaw('sealed.example'), sealed, 'and is never replaced')

  await store.schedule.remove('sealed.example')
  script.clock.ms += 65 * DAY_MS
  const living = startRenewals({ store, issuer, permission, obtainer, now })
  await pollUntil(() => script.issued.length === 3)
  await living.close()
})

await t.test('a mass revocation: the CA moves the window into the past', async (t) => {
  const { script, obtainer, pass, now } = await open(t)
  const names = Array.from({ length: 10 }, (_, index) => `s${index}.example`)
  for (const name of names) await obtainer.obtain(name)
  await pass(5 * DAY_MS)
  t.equal(script.issued.length, 10)
  const pastMs = now() - DAY_MS
  const before = script.issued.length
  script.suggest = () => {
    if (script.issued.length >= before + 10) return undefined
    return { startMs: pastMs, endMs: pastMs + 1, explanationUrl: undefined, retryAfterMs: 6 * HOUR_MS }
  }
  await pass(2 * DAY_MS)
  t.same(script.issued.slice(10).toSorted(), names)
})

await t.test('a name that lost its permission is dropped; one that nobody can speak of is not', async (t) => {
  const { store, script, obtainer, pass } = await open(t)
  await obtainer.obtain('gone.example')
  await obtainer.obtain('unknown.example')
  script.permits = async (name) => {
    if (name === 'unknown.example') throw new Error('away')
    return false
  }
  await pass(70 * DAY_MS)
  t.equal(script.issued.length, 2, 'neither was renewed')
  t.equal(await store.schedule.dueAtMs('gone.example'), undefined)
  script.permits = async () => true
  await pass(DAY_MS)
  t.same(script.issued.slice(2), ['unknown.example'])
})

await t.test('a renewal that fails is tried again until it succeeds, with an alarm once it is late', async (t) => {
  const { script, obtainer, pass } = await open(t)
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe(({ message, name }) => faults.push(`${message}: ${name}`)))
  await obtainer.obtain('late.example')
  script.refuse = new AcmeProblem({ kind: 'dns', status: 403, detail: 'no address' })
  await pass(89 * DAY_MS)
  const tries = script.issued.length - 1
  t.ok(tries > 50 && tries < 29 * 24, `${tries} tries in 29 days: backed off, and not given up`)
  t.same(faults, [])
  await pass(2 * DAY_MS)
  t.equal(faults[0], 'expired certificate was not renewed: late.example')
  script.refuse = undefined
  await pass(DAY_MS)
  t.equal(script.issued.length, script.issued.filter((name) => name === 'late.example').length)
  const after = script.issued.length
  await pass(30 * DAY_MS)
  t.equal(script.issued.length, after, 'renewed, and quiet again')
})

await t.test('what has been expired for a week is nobody’s any more', async (t) => {
  const { store, script, obtainer, pass } = await open(t)
  await obtainer.obtain('left.example')
  script.refuse = new AcmeProblem({ kind: 'dns', status: 403, detail: 'no address' })
  await pass(98 * DAY_MS)
  t.equal(await store.schedule.dueAtMs('left.example'), undefined)
})

await t.test('a removed certificate is not renewed', async (t) => {
  const { store, script, obtainer, pass } = await open(t)
  await obtainer.obtain('removed.example')
  await store.vault.remove('removed.example')
  await pass(70 * DAY_MS)
  t.same(script.issued, ['removed.example'])
  t.equal(await store.schedule.size(), 0)
})

await t.test('the times of many names are spread', async (t) => {
  const made = await makeCertificate('*.example')
  const times = Array.from({ length: 1_000 }, (_, index) => scheduledTimeMs({ ...made, name: `s${index}.example` }))
  const day = (ms: number): number => Math.floor((ms - Math.min(...times)) / DAY_MS)
  const perDay = new Map<number, number>()
  for (const time of times) perDay.set(day(time), (perDay.get(day(time)) ?? 0) + 1)
  t.equal(perDay.size, 5)
  t.ok(Math.max(...perDay.values()) < 300)
})

for (const kind of ['file', 'redis'] as const) {
  await t.test(
    `on ${kind}: one machine renews, another takes over, and what the schedule misses is found`,
    async (t) => {
      const machine = await open(t, kind)
      const { script, place, store, issuer, permission, obtainer, now } = machine
      await store.vault.write(await makeCertificate('imported.example', { daysLeft: -1 }))
      await store.vault.write(await makeCertificate('fresh.example'))
      const holders: number[] = []
      /** Rests for no time at all, and tells who is at work. */
      const start = async (id: number): Promise<ReturnType<typeof startRenewals>> => {
        const own = await place.open(t)
        const pause = async (_ms: number, signal: AbortSignal): Promise<void> => {
          await new Promise(setImmediate)
          signal.throwIfAborted()
        }
        const due: typeof own.schedule.due = async (nowMs, limit) => {
          holders.push(id)
          return own.schedule.due(nowMs, limit)
        }
        const shared = { ...own, schedule: { ...own.schedule, due } }
        return startRenewals({ store: shared, issuer, permission, obtainer, now, pause })
      }
      const first = await start(1)
      await pollUntil(() => holders.length > 0)
      const second = await start(2)
      await pollUntil(() => script.issued.length > 0)
      t.same(script.issued, ['imported.example'])
      t.ok(await store.schedule.dueAtMs('fresh.example'))
      t.same(new Set(holders), new Set([1]))
      await first.close()
      await pollUntil(() => holders.includes(2))
      await second.close()
      t.same(script.issued, ['imported.example'])
    },
  )
}

await t.test('a store that is away interrupts a round, and nothing is lost', async (t) => {
  const { store, issuer, permission, script, obtainer, now } = await open(t)
  await obtainer.obtain('one.example')
  script.clock.ms += 70 * DAY_MS
  const away = { ...store.vault, read: async () => Promise.reject(new StoreUnavailable('gone')) }
  const broken = createRenewals({ store: { ...store, vault: away }, issuer, permission, obtainer, now })
  await t.rejects(broken.round(never), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  t.ok((await store.schedule.dueAtMs('one.example')) ?? 0 < now())
  await createRenewals({ store, issuer, permission, obtainer, now }).round(never)
  t.equal(script.issued.length, 2)
})
