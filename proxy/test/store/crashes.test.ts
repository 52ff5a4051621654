import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { edgeChannel } from '../../src/events.ts'
import { createFileState } from '../../src/store/file-state.ts'
import { openStore } from '../../src/store/open.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace } from './stores.ts'

const pair = [await makeCertificate('one.example'), await makeCertificate('one.example')] as const

await t.test('kill -9 in the middle of writes halves nothing', async (t) => {
  const place = await makePlace(t, 'file')
  const directory = place.store.kind === 'file' ? place.store.directory : ''
  const script = join(import.meta.dirname, 'write-for-ever.ts')
  for (let round = 1; round <= 4; round += 1) {
    const child = spawn(process.execPath, [script, directory, JSON.stringify(pair)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'] },
    })
    let written = 0
    while (written < round * 7) {
      const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
      written = Number(chunk.toString().trim().split('\n').at(-1))
    }
    child.kill('SIGKILL')
    await once(child, 'exit')

    const store = await place.open(t)
    const found = await store.vault.read('one.example')
    t.ok(
      pair.some(({ chainPem }) => chainPem === found?.chainPem),
      'one certificate or the other',
    )
    const dueAtMs = await store.schedule.dueAtMs('one.example')
    t.ok(dueAtMs !== undefined && dueAtMs >= written, 'what was said to be written is there')
    t.equal((await store.tickets.read()).length, 1)
    await store.vault.write(pair[0])
    await store.changes.publish({ kind: 'tickets' })
    const database = new DatabaseSync(join(directory, 'state.sqlite'))
    t.match(database.prepare('PRAGMA integrity_check').get(), { integrity_check: 'ok' })
    database.close()
  }
})

await t.test('state that was damaged is set aside, told, and begun anew; certificates stay', async (t) => {
  const place = await makePlace(t, 'file')
  const directory = place.store.kind === 'file' ? place.store.directory : ''
  const before = await place.open(t)
  await before.vault.write(pair[0])
  await before.schedule.set('one.example', 1)
  await before.close()
  await writeFile(join(directory, 'state.sqlite'), 'this is no database, '.repeat(1_000))
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault.message)))
  const store = await place.open(t)
  t.equal(await store.schedule.size(), 0)
  await store.schedule.set('one.example', 2)
  t.equal(await store.schedule.dueAtMs('one.example'), 2)
  t.same(await store.vault.read('one.example'), pair[0])
  t.same(faults, ['damaged state was set aside'])
})

await t.test('a process that holds the state makes others wait, not fail', async (t) => {
  const file = join(temporaryDirectory(t), 'state.sqlite')
  const state = createFileState(file)
  t.teardown(() => state.close())
  await state.read(() => undefined)
  const holder = new DatabaseSync(file)
  holder.exec('BEGIN IMMEDIATE')
  const writing = state.write((sql) => sql.run`INSERT INTO due VALUES ('one.example', 1)`)
  t.equal(await state.read((sql) => sql.get`SELECT count(*) AS size FROM due`?.['size']), 0, 'a read waits for nobody')
  holder.exec('COMMIT')
  holder.close()
  await writing
  t.equal(await state.read((sql) => sql.get`SELECT count(*) AS size FROM due`?.['size']), 1)
})

const MANY = 10_000

for (const kind of ['file', 'redis'] as const) {
  await t.test(`10,000 names in the schedule, ${kind}: open and first answers`, async (t) => {
    const place = await makePlace(t, kind)
    const filling = await place.open(t)
    const names = Array.from({ length: MANY }, (_, index) => `name-${index}.example`)
    while (names.length > 0)
      await Promise.all(names.splice(0, 500).map((name, index) => filling.schedule.set(name, index)))
    await filling.vault.write(pair[0])
    const startedMs = performance.now()
    const store = await openStore({ store: place.store, storePrefix: 'ssl', host: 'blot.im' })
    t.teardown(() => store.close())
    t.equal((await store.schedule.due(Date.now(), 100)).length, 100)
    t.equal(await store.schedule.size(), MANY)
    t.same(await store.vault.read('one.example'), pair[0])
    t.comment(`opened and answered in ${Math.round(performance.now() - startedMs)} ms`)
  })
}
