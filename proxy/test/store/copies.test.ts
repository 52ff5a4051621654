import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openCopies, type Copies } from '../../src/store/copies.ts'
import { edgeChannel } from '../../src/events.ts'
import { DAY_MS, makeCertificate } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makeStoreKey } from './stores.ts'

const isCopied = async (copies: Copies, name: string): Promise<boolean> => (await copies.read(name)) !== undefined

await t.test('keeps, replaces and drops', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const copies = await openCopies({ dataDirectory })
  const [old, renewed] = [await makeCertificate('one.example'), await makeCertificate('one.example')]
  t.equal(await copies.read('one.example'), undefined)
  copies.keep(old)
  await pollUntil(() => isCopied(copies, 'one.example'))
  t.same(await copies.read('one.example'), old)
  copies.keep(renewed)
  await pollUntil(async () => (await copies.read('one.example'))?.chainPem === renewed.chainPem)
  copies.drop('never.example')
  copies.drop('one.example')
  await pollUntil(async () => !(await isCopied(copies, 'one.example')))
})

await t.test('only this machine reads them, also after a restart', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const certificate = await makeCertificate('one.example')
  const both = await Promise.all([openCopies({ dataDirectory }), openCopies({ dataDirectory })])
  both[0].keep(certificate)
  await pollUntil(() => isCopied(both[1], 'one.example'))
  t.notMatch(await readFile(join(dataDirectory, 'copies/one.example.json'), 'utf8'), /PRIVATE/)
  t.equal((await stat(join(dataDirectory, 'copies'))).mode & 0o777, 0o700)
  t.equal((await stat(join(dataDirectory, 'copies/one.example.json'))).mode & 0o777, 0o600)
  t.equal((await stat(join(dataDirectory, 'copies.key'))).mode & 0o777, 0o600)
  t.same((await readdir(dataDirectory)).toSorted(), ['copies', 'copies.key'])
  t.same(await (await openCopies({ dataDirectory })).read('one.example'), certificate)
  await rm(join(dataDirectory, 'copies.key'))
  const stranger = await openCopies({ dataDirectory })
  await t.rejects(stranger.read('one.example'), { code: 'EDGE_ERR_STORE_KEY_UNKNOWN' })
})

await t.test('EDGE_STORE_KEY is their key where there is one', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const storeKey = makeStoreKey()
  const copies = await openCopies({ dataDirectory, storeKey })
  copies.keep(await makeCertificate('one.example'))
  await pollUntil(() => isCopied(copies, 'one.example'))
  t.same(await readdir(dataDirectory), ['copies'])
  const rotated = await openCopies({ dataDirectory, storeKey: makeStoreKey(), storeKeyOld: storeKey })
  t.equal(await isCopied(rotated, 'one.example'), true)
})

await t.test('they are bounded in number and in age', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const limits = { count: 3, ageMs: 30 * DAY_MS, queue: 10 }
  const copies = await openCopies({ dataDirectory }, limits)
  const ages = { 'a.example': 40, 'b.example': 31, 'c.example': 2, 'd.example': 1 }
  for (const [name, days] of Object.entries(ages)) {
    copies.keep(await makeCertificate(name))
    await pollUntil(() => isCopied(copies, name))
    const at = new Date(Date.now() - days * DAY_MS)
    await utimes(join(dataDirectory, `copies/${name}.json`), at, at)
  }
  const again = await openCopies({ dataDirectory }, limits)
  const left = (): Promise<boolean[]> => Promise.all(Object.keys(ages).map((name) => isCopied(again, name)))
  await pollUntil(async () => (await left()).filter(Boolean).length <= 2)
  t.same(await left(), [false, false, true, true])
  await openCopies({ dataDirectory }, { ...limits, count: 1 })
  await pollUntil(async () => (await left()).filter(Boolean).length <= 1)
  t.same(await left(), [false, false, false, true])
})

await t.test('a disk that refuses is told, and harms nobody', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const copies = await openCopies({ dataDirectory })
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault.message)))
  await rm(join(dataDirectory, 'copies'), { recursive: true })
  copies.keep(await makeCertificate('one.example'))
  await pollUntil(() => faults.length === 1)
  t.same(faults, ['certificate was not copied'])
})
