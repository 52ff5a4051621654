import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createUnwritten, type Unwritten } from '../../src/certificates/unwritten.ts'
import { openFileVault } from '../../src/store/file-vault.ts'
import { createSealer } from '../../src/store/seal.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makeStoreKey } from '../store/stores.ts'
import { makeCertificate } from './factory.ts'

await t.test('what waits for the store is encrypted as it would be there, and a lost key blocks no name', async (t) => {
  const folder = join(temporaryDirectory(t), 'unwritten')
  const open = async (key: string): Promise<Unwritten> =>
    createUnwritten(await openFileVault(folder, createSealer({ key })))
  const key = makeStoreKey()
  const unwritten = await open(key)
  const certificate = await makeCertificate('one.example')
  await unwritten.keep(certificate)
  t.same(await unwritten.read('one.example'), certificate)
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
  t.equal(files.length, 1)
  for (const file of files) t.notMatch(await readFile(join(folder, file), 'utf8'), /PRIVATE KEY/)

  t.equal(await (await open(makeStoreKey())).read('one.example'), undefined)
  t.same(await (await open(key)).read('one.example'), certificate)
})
