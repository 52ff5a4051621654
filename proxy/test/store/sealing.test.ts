import t from 'tap'
import type { AcmeAccount } from '../../src/certificates/contracts.ts'
import { createSealer } from '../../src/store/seal.ts'
import { invalid, makeCertificate, makeKey } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { makePlace, makeStoreKey } from './stores.ts'

const account = (): AcmeAccount => ({
  directoryUrl: 'https://ca.example/dir',
  email: 'me@example.com',
  url: 'https://ca.example/acct/1',
  privateKeyPem: makeKey(),
})
const ticketKeys = [{ secret: Buffer.alloc(48, 'secret of tickets ').toString('base64'), createdAtMs: 1 }]
const NAME = 'one.example'

for (const kind of ['file', 'redis'] as const) {
  await t.test(`encryption at rest, ${kind}`, async (t) => {
    const place = await makePlace(t, kind)
    const [first, second] = [makeStoreKey(), makeStoreKey()]
    const certificate = await makeCertificate(NAME, { issuer: 'local:1' })
    const registered = account()

    await t.test('what is in the clear is encrypted when it is read', async (t) => {
      const plain = await place.open(t)
      await plain.vault.write(certificate)
      await plain.accounts.keepFirst(registered)
      t.match(await place.readRaw(NAME), /PRIVATE KEY/)
      const store = await place.open(t, { storeKey: first })
      t.same(await store.vault.read(NAME), certificate)
      t.same(await store.accounts.read(registered), registered)
      await pollUntil(async () => !(await place.dump()).includes('PRIVATE KEY'))
      t.same(await store.vault.read(NAME), certificate)
      t.same(await store.accounts.read(registered), registered)
    })

    await t.test('what is written shows no secret', async (t) => {
      const store = await place.open(t, { storeKey: first })
      await store.vault.write(certificate)
      await store.tickets.replace([], ticketKeys)
      t.same(await store.tickets.read(), ticketKeys)
      const dump = await place.dump()
      t.notMatch(dump, /PRIVATE KEY/)
      t.notOk(dump.includes(ticketKeys[0]?.secret ?? ''))
      t.notOk(dump.includes(first))
    })

    await t.test('another key changes nothing, and the error names the one that is missing', async (t) => {
      const before = await place.readRaw(NAME)
      const id = /sealed:v1:([0-9a-f]{8}):/.exec(before)?.[1] ?? 'none'
      for (const storeKey of [undefined, second]) {
        const store = await place.open(t, { storeKey })
        const message = new RegExp(`encrypted under the key ${id}, which is neither`)
        await t.rejects(store.vault.read(NAME), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN', message })
        await t.rejects(store.accounts.read(registered), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN' })
        await t.rejects(store.accounts.keepFirst(account()), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN' })
        await t.rejects(store.tickets.read(), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN' })
      }
      t.equal(await place.readRaw(NAME), before)
    })

    await t.test('a read-only edge reads with both keys and writes nothing', async (t) => {
      const before = await place.readRaw(NAME)
      const store = await place.open(t, { storeKey: second, storeKeyOld: first, issuer: 'none' })
      t.same(await store.vault.read(NAME), certificate)
      t.same(await store.accounts.read(registered), registered)
      await store.vault.read(NAME)
      t.equal(await place.readRaw(NAME), before)
      const formerly = await place.open(t, { storeKey: first })
      t.same(await formerly.accounts.read(registered), registered)
    })

    await t.test('a new key takes over by reading', async (t) => {
      const store = await place.open(t, { storeKey: second, storeKeyOld: first })
      t.same(await store.vault.read(NAME), certificate)
      t.same(await store.accounts.read(registered), registered)
      t.same(await store.tickets.read(), ticketKeys)
      const later = await place.open(t, { storeKey: second })
      const isThere = async (): Promise<boolean> => {
        const found = await Promise.all([later.vault.read(NAME), later.accounts.read(registered), later.tickets.read()])
        return found.every((value) => value !== undefined)
      }
      await pollUntil(() => isThere().catch(() => false))
      t.same(await later.vault.read(NAME), certificate)
    })

    await t.test('a record that was moved or damaged is not opened', async (t) => {
      const store = await place.open(t, { storeKey: second })
      const other = await makeCertificate('*.example', { names: ['*.example', NAME] })
      await store.vault.write(other)
      const sealed = createSealer({ key: second })
      const moved = sealed.seal(certificate.privateKeyPem, 'certificate:*.example')
      t.equal(sealed.open(moved, `certificate:${NAME}`).plain, undefined)
      const [head = '', body = ''] = moved.split(/(?<=^sealed:v1:[^:]*:[^:]*:)/)
      for (const text of [`${head}A${body.slice(1)}`, `${head}${body.slice(0, -4)}`, head, 'sealed:v2:x', 'sealed:']) {
        t.equal(sealed.open(text, 'certificate:*.example').plain, undefined, text.slice(0, 40))
      }
      t.equal(sealed.open(moved, 'certificate:*.example').plain, certificate.privateKeyPem)
    })

    await t.test('encryption can be switched off again', async (t) => {
      const store = await place.open(t, { storeKeyOld: second })
      t.same(await store.vault.read(NAME), certificate)
      await pollUntil(async () => (await place.readRaw(NAME)).includes('PRIVATE KEY'))
      t.same(await (await place.open(t)).vault.read(NAME), certificate)
    })

    await t.test('a key that does not fit is refused after it was opened, too', async (t) => {
      const store = await place.open(t, { storeKey: second })
      await t.rejects(store.vault.write({ ...certificate, privateKeyPem: makeKey() }), invalid(/does not match/))
    })
  })
}
