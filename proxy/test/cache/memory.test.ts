import { mkdirSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { createFileTier, type FileTier } from '../../src/cache/lookup.ts'
import { createMemory } from '../../src/cache/memory.ts'
import { fromFields } from '../../src/purge.ts'
import type { RequestHead } from '../../src/request.ts'
import { createTier, headOf, openFilesIn, SETTLED_MS } from './fixture.ts'

const page = (body: string) => ({ https: { permanent: { 'index.html': body } } })

function ready(
  tier: FileTier,
  head: RequestHead,
): { body: string; tag: string | undefined; modified: boolean } | undefined {
  const found = tier.find(head)
  if (found?.kind !== 'ready') return undefined
  const { tag, modifiedMs } = found.representation
  return { body: found.body.toString(), tag, modified: modifiedMs !== undefined }
}

await t.test('for a second after a look nobody looks; then a changed file is noticed', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') } })
  const { tier, clock } = createTier(t, directory)
  const first = ready(tier, headOf('/'))
  t.match(first, { body: 'one', tag: /^"/ })
  writeFileSync(`${directory}/cache/a.test/https/permanent/index.html`, 'two')
  clock.ms += 999
  t.same(ready(tier, headOf('/')), first)
  clock.ms += 1
  const second = ready(tier, headOf('/'))
  t.equal(second?.body, 'two')
  t.not(second?.tag, first?.tag)
})

await t.test('an unchanged file is confirmed, not read again', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') } })
  const { tier, clock } = createTier(t, directory)
  const first = tier.find(headOf('/'))
  clock.ms += 5000
  t.equal(tier.find(headOf('/')), first)
  t.same(openFilesIn(directory), [])
})

await t.test('a clock that is set back makes nothing fresh', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') } })
  const { tier, clock } = createTier(t, directory)
  t.equal(ready(tier, headOf('/'))?.body, 'one')
  writeFileSync(`${directory}/cache/a.test/https/permanent/index.html`, 'two')
  clock.ms -= 60_000
  t.equal(ready(tier, headOf('/'))?.body, 'two')
})

await t.test('a file of the same size and time that replaces another is another', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') } })
  const path = `${directory}/cache/a.test/https/permanent/index.html`
  utimesSync(path, 1e9, 1e9)
  const { tier, clock } = createTier(t, directory)
  const first = ready(tier, headOf('/'))
  writeFileSync(path, 'two')
  utimesSync(path, 1e9, 1e9)
  clock.ms += 1000
  const second = ready(tier, headOf('/'))
  t.equal(second?.body, 'two')
  t.not(second?.tag, first?.tag)
})

await t.test('a file younger than two seconds has a weak tag, no date, and is not kept', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') } })
  const { tier, clock } = createTier(t, directory)
  clock.ms -= SETTLED_MS
  const young = ready(tier, headOf('/'))
  t.match(young, { body: 'one', tag: /^W\/"/, modified: false })
  t.same(tier.stats(), { entries: 0, bytes: 0 })
  writeFileSync(`${directory}/cache/a.test/https/permanent/index.html`, 'two')
  t.equal(ready(tier, headOf('/'))?.body, 'two')
  clock.ms += SETTLED_MS
  t.match(ready(tier, headOf('/')), { body: 'two', tag: /^"/, modified: true })
  t.equal(tier.stats().entries, 1)
})

await t.test('a page that appears before the file that we know is found', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': { https: { permanent: {} }, folder: { 'x.txt': 'file' } } } })
  const { tier, clock } = createTier(t, directory)
  t.equal(ready(tier, headOf('/x.txt'))?.body, 'file')
  writeFileSync(`${directory}/cache/a.test/https/permanent/x.txt`, 'page')
  clock.ms += 1000
  t.equal(ready(tier, headOf('/x.txt'))?.body, 'page')
  renameSync(`${directory}/cache/a.test/https/permanent/x.txt`, `${directory}/cache/a.test/https/x.txt`)
  clock.ms += 1000
  t.equal(ready(tier, headOf('/x.txt'))?.body, 'file')
})

await t.test('a neighbour that appears or goes is noticed', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': { folder: { 'x.css': 'plain' } } } })
  const { tier, clock } = createTier(t, directory)
  const brotli = headOf('/x.css', { headers: { 'accept-encoding': 'br' } })
  t.equal(ready(tier, brotli)?.body, 'plain')
  writeFileSync(`${directory}/cache/a.test/folder/x.css.br`, 'small')
  clock.ms += SETTLED_MS
  t.equal(ready(tier, brotli)?.body, 'small')
  t.equal(ready(tier, headOf('/x.css'))?.body, 'plain')
  t.equal(tier.stats().entries, 2, 'an entry for each coding')
  t.match(tier.find(headOf('/x.css'))?.kind, 'ready')
  writeFileSync(`${directory}/cache/a.test/folder/x.css`, 'newer')
  utimesSync(`${directory}/cache/a.test/folder/x.css.br`, 1e9, 1e9)
  clock.ms += SETTLED_MS
  t.equal(ready(tier, brotli)?.body, 'newer', 'a copy left over from an older version is not sent')
  unlinkSync(`${directory}/cache/a.test/folder/x.css.br`)
  clock.ms += SETTLED_MS
  t.equal(ready(tier, brotli)?.body, 'newer')
  t.equal(tier.stats().entries, 1)
})

await t.test('a purge drops what a host has, in both schemes and every coding, and says how much', async (t) => {
  const blog = { folder: { 'x.css': 'x', 'x.css.gz': 'x' }, ...page('one') }
  const directory = t.testdir({ cache: { 'a.test': blog, 'b.test': page('two') } })
  const { tier } = createTier(t, directory)
  const gzip = { headers: { 'accept-encoding': 'gzip' } }
  const asked = [headOf('/'), headOf('/x.css'), headOf('/x.css', gzip), headOf('/x.css', { scheme: 'http' })]
  for (const head of asked) t.ok(ready(tier, head))
  t.ok(ready(tier, headOf('/', { host: 'b.test' })))
  t.equal(tier.stats().entries, 5)

  unlinkSync(`${directory}/cache/a.test/https/permanent/index.html`)
  t.same(await tier.purge(fromFields({ hosts: ['a.test', 'c.test'] })), [4, 0])
  t.equal(ready(tier, headOf('/')), undefined)
  t.equal(tier.stats().entries, 1)
  t.same(await tier.purge(fromFields({ everything: true })), [1])
  t.same(tier.stats(), { entries: 0, bytes: 0 })
})

await t.test('a purge drops one page, or those whose URLs begin alike, whatever the query', async (t) => {
  const folder = { 'x.css': 'x', 'y.css': 'y', notes: { 'z.css': 'z' } }
  const { tier } = createTier(t, t.testdir({ cache: { 'a.test': { folder } } }))
  const targets = ['/x.css', '/x.css?v=1', '/y.css', '/notes/z.css']
  const kept = (): string[] => {
    const { entries } = tier.stats()
    const found = targets.filter((target) => tier.find(headOf(target)) !== undefined)
    t.equal(tier.stats().entries, targets.length)
    return [String(entries), ...found]
  }
  kept()
  t.same(await tier.purge(fromFields({ urls: ['//a.test/x.css'] })), [1])
  t.same(kept(), ['3', ...targets], 'read anew')
  t.same(await tier.purge(fromFields({ urls: ['//a.test/x.css?v=2'] })), [1], 'those with a query share an entry')
  kept()
  t.same(await tier.purge(fromFields({ prefixes: ['//a.test/notes', '//a.test/x'], soft: true })), [1, 2])
  t.same(await tier.purge(fromFields({ prefixes: ['//a.test/'], tags: ['x'] })), [1, 0])
})

await t.test('a host without a folder is remembered for a second, or until it is purged', async (t) => {
  const directory = t.testdir({ cache: {} })
  const { tier, clock } = createTier(t, directory)
  const create = (host: string): void => {
    mkdirSync(`${directory}/cache/${host}/folder`, { recursive: true })
    writeFileSync(`${directory}/cache/${host}/folder/x.txt`, 'x')
  }
  for (const host of ['a.test', 'b.test']) {
    t.equal(tier.find(headOf('/x.txt', { host })), undefined)
    create(host)
    t.equal(tier.find(headOf('/x.txt', { host })), undefined)
  }
  await tier.purge(fromFields({ hosts: ['a.test'] }))
  t.ok(tier.find(headOf('/x.txt', { host: 'a.test' })))
  clock.ms += 1000
  t.ok(tier.find(headOf('/x.txt', { host: 'b.test' })))
})

await t.test('memory is bounded by bytes; the least recently used goes', async (t) => {
  const folder = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`${n}.txt`, 'x'.repeat(10_000)]))
  const { tier } = createTier(t, t.testdir({ cache: { 'a.test': { folder } } }), 100_000)
  const first = tier.find(headOf('/0.txt'))
  for (let n = 1; n < 20; n++) {
    tier.find(headOf(`/${n}.txt`))
    t.equal(tier.find(headOf('/0.txt')), first, 'used all the time')
  }
  t.ok(tier.stats().bytes <= 100_000)
  t.ok(tier.stats().bytes > 80_000)
  t.same(await tier.purge(fromFields({ hosts: ['a.test'] })), [8])
})

await t.test('without memory everything is still found', async (t) => {
  const { tier } = createTier(t, t.testdir({ cache: { 'a.test': page('one') } }), 0)
  for (let round = 0; round < 2; round++) t.equal(ready(tier, headOf('/'))?.body, 'one')
  t.same(tier.stats(), { entries: 0, bytes: 0 })
})

await t.test('without page files only the cdn is looked for', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': page('one') }, cdn: { 'x.css': 'x' } })
  const options = { cacheDirectory: `${directory}/cache`, cdnDirectory: `${directory}/cdn`, memory: createMemory(1e6) }
  const tier = createFileTier({ ...options, pageFiles: false })
  t.equal(tier.find(headOf('/')), undefined)
  t.ok(tier.find(headOf('/x.css', { host: 'cdn.blot.test' })))
  tier.close()
})
