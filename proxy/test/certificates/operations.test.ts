import { join } from 'node:path'
import t from 'tap'
import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'
import { createObtainer } from '../../src/certificates/obtain.ts'
import { createCertificateOperations } from '../../src/certificates/operations.ts'
import { allPermission, namesPermission } from '../../src/certificates/permission.ts'
import { createUnwritten } from '../../src/certificates/unwritten.ts'
import { AcmeProblem } from '../../src/errors.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace, makeStoreKey } from '../store/stores.ts'
import { makeCertificate } from './factory.ts'
import { pollUntil } from '../until.ts'
import type { Test } from 'tap'
import type { CertificateOperations, Change, Issuer } from '../../src/certificates/contracts.ts'
import type { OperationsIssuing } from '../../src/certificates/operations.ts'
import type { Store } from '../../src/store/open.ts'

type Opened = {
  operations: CertificateOperations
  store: Store
  issuing: OperationsIssuing
  issued: string[]
  revoked: number[]
}

/** The names under `broken.example` fail for their CAA record; nobody but those of `.example` is permitted. */
async function open(t: Test, kind: 'file' | 'redis' = 'file'): Promise<Opened> {
  const store = await (await makePlace(t, kind)).open(t)
  const folder = temporaryDirectory(t)
  const local = await openLocalIssuer(folder)
  const issued: string[] = []
  const revoked: number[] = []
  const issuer: Issuer = {
    id: local.id,
    async issue(order) {
      const [name = ''] = order.names
      if (name === 'broken.example') throw new AcmeProblem({ kind: 'caa', status: 403, detail: 'CAA forbids it' })
      issued.push(name)
      return local.issue(order)
    },
    async revoke(_certificate, reason) {
      revoked.push(reason)
    },
  }
  const permission = namesPermission(['a.example', 'b.example', 'c.example', 'broken.example', 'own.example'])
  const unwritten = createUnwritten(await openFileVault(join(folder, 'unwritten')))
  const obtainer = createObtainer({ store, issuer, permission, unwritten })
  t.teardown(() => obtainer.close())
  const issuing = { issuer, obtainer, budgets: undefined, unwritten }
  return { operations: createCertificateOperations({ store, permission, issuing }), store, issuing, issued, revoked }
}

async function states(operations: CertificateOperations): Promise<string[]> {
  const found: string[] = []
  for await (const { name, state } of operations.list()) found.push(`${name} ${state}`)
  return found.toSorted()
}

for (const kind of ['file', 'redis'] as const) {
  await t.test(`on ${kind}: issue, list, show, remove`, async (t) => {
    const { operations, store, issued } = await open(t, kind)
    t.match(await operations.issue('a.example', { renew: false }), { name: 'a.example', state: 'active' })
    await operations.issue('a.example', { renew: false })
    t.same(issued, ['a.example'], 'what is there, and not due, is left')
    const before = (await operations.show('a.example')).serial
    t.not((await operations.issue('a.example', { renew: true })).serial, before)
    t.same(issued, ['a.example', 'a.example'])

    await t.rejects(operations.issue('broken.example', { renew: false }), { code: 'EDGE_ERR_ACME_PROBLEM' })
    const backOff = { code: 'EDGE_ERR_CERTIFICATE_BACK_OFF' }
    await t.rejects(operations.issue('broken.example', { renew: false }), backOff)
    const insisted = operations.issue('broken.example', { renew: true })
    await t.rejects(insisted, { code: 'EDGE_ERR_ACME_PROBLEM' }, 'who insists is heard')
    await t.rejects(operations.issue('stranger.example', { renew: false }), { code: 'EDGE_ERR_CERTIFICATE_DENIED' })
    await t.rejects(operations.issue('127.0.0.1', { renew: false }), { code: 'EDGE_ERR_CERTIFICATE_NAME_INVALID' })
    await t.rejects(operations.show('a b'), { code: 'EDGE_ERR_CERTIFICATE_NAME_INVALID' })
    t.same(await states(operations), ['a.example active', 'broken.example blocked'])
    t.match(await operations.show('broken.example'), { state: 'blocked', words: /^blocked by CAA/ })
    t.match(await operations.show('stranger.example'), { state: 'denied' })
    t.match(await operations.show('b.example'), { state: 'absent' })

    const heard: (Change | { kind: 'all' })[] = []
    t.teardown(store.changes.subscribe((change) => heard.push(change)))
    await pollUntil(async () => {
      await store.changes.publish({ kind: 'permission', name: 'listening.example' })
      return heard.length > 0
    })
    await operations.remove('a.example')
    await operations.remove('broken.example')
    t.same(await states(operations), [])
    t.equal(await store.schedule.size(), 0)
    await pollUntil(() => heard.some((change) => change.kind === 'certificate' && change.name === 'a.example'))
  })
}

await t.test('a record under a key that this machine has not hides no other name', async (t) => {
  const place = await makePlace(t, 'file')
  const [store, other] = [await place.open(t), await place.open(t, { storeKey: makeStoreKey() })]
  await store.vault.write(await makeCertificate('a.example'))
  await other.vault.write(await makeCertificate('b.example'))
  const operations = createCertificateOperations({ store, permission: allPermission(), issuing: undefined })
  t.same(await states(operations), ['a.example active', 'b.example blocked'])
  t.match(await operations.show('b.example'), { words: /encrypted under another key.*EDGE_STORE_KEY/ })
})

await t.test('revoke: at the CA, and removed here', async (t) => {
  const { operations, store, revoked } = await open(t)
  await operations.issue('a.example', { renew: false })
  await operations.revoke('a.example', 1)
  t.same(revoked, [1])
  t.equal(await store.vault.read('a.example'), undefined)
  await t.rejects(operations.revoke('a.example', 1), { code: 'EDGE_ERR_CERTIFICATE_ABSENT' })
})

await t.test('renew all, or those of one issuer, told one by one; it can be stopped', async (t) => {
  const { operations, store, issued, issuing } = await open(t)
  for (const name of ['a.example', 'b.example', 'c.example']) await operations.issue(name, { renew: false })
  await store.vault.write(await makeCertificate('broken.example', { issuer: issuing.issuer.id }))
  await store.vault.write(await makeCertificate('stranger.example', { issuer: issuing.issuer.id }))
  await store.vault.write(await makeCertificate('own.example', { issuer: 'own' }))
  const steps: string[] = []
  for await (const step of operations.renewAll({ issuer: issuing.issuer.id, perMinute: 6_000 })) {
    steps.push(`${step.name} ${step.outcome}`)
    t.equal(step.done, steps.length)
    t.equal(step.total, 5)
  }
  const expected = [
    'a.example renewed',
    'b.example renewed',
    'broken.example failed',
    'c.example renewed',
    'stranger.example denied',
  ]
  t.same(steps.toSorted(), expected)
  t.equal(issued.length, 6)
  for await (const _ of operations.renewAll({ perMinute: 6_000 })) break
  t.ok(issued.length < 6 + 6)
})

await t.test('with EDGE_ISSUER=none the vault is shown and nothing is changed', async (t) => {
  const { store } = await open(t)
  await store.vault.write(await makeCertificate('a.example'))
  const permission = namesPermission(['a.example'])
  const operations = createCertificateOperations({ store, permission, issuing: undefined })
  t.match(await operations.show('a.example'), { state: 'active' })
  t.same(await states(operations), ['a.example active'])
  const readOnly = { code: 'EDGE_ERR_CERTIFICATES_READ_ONLY' }
  await t.rejects(operations.issue('a.example', { renew: true }), readOnly)
  await t.rejects(operations.revoke('a.example', 0), readOnly)
  await t.rejects(operations.remove('a.example'), readOnly)
  t.throws(() => operations.renewAll({ perMinute: 1 }), readOnly)
  t.ok(await store.vault.read('a.example'))
})
