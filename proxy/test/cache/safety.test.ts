import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync, chmodSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { edgeChannel } from '../../src/events.ts'
import type { FileTier } from '../../src/cache/lookup.ts'
import { createTier, headOf, openFilesIn, type Clock } from './fixture.ts'

const LAYOUT = {
  cdn: { one: { 'a.css': 'one' }, two: { 'b.css': 'two' } },
  secret: 'secret',
  blogs: {
    a: { 'a.txt': 'mine', '.git': { config: 'secret' }, '.env': 'secret', sub: { '.hidden': 'secret' } },
    b: { 'b.txt': 'theirs', sub: { 'c.txt': 'theirs' } },
  },
  cache: { 'a.test': { https: { permanent: {} } }, 'b.test': { https: { permanent: { 'index.html': 'theirs' } } } },
}

function bodyAt(tier: FileTier, target: string, host = 'a.test'): string | undefined {
  const found = tier.find(headOf(target, { host }))
  if (found?.kind === 'open') throw new Error('a small file was not read')
  return found?.kind === 'ready' ? found.body.toString() : found?.kind
}

function prepare(t: Test): { directory: string; tier: FileTier; clock: Clock } {
  const directory = t.testdir(LAYOUT)
  symlinkSync('../../blogs/a', `${directory}/cache/a.test/folder`)
  return { directory, ...createTier(t, directory) }
}

await t.test('no name leads out of a folder or to a dotfile', async (t) => {
  const { directory, tier } = prepare(t)
  const up = ['/../b/b.txt', '/sub/../a.txt', '/..', '/sub/../../b/b.txt', '/%2e%2e/b/b.txt', '/.%2e/b/b.txt']
  const encoded = [
    '/..%2fb%2fb.txt',
    '/sub%2f..%2fa.txt',
    '/%252e%252e/b/b.txt',
    '/%c0%ae%c0%ae/b/b.txt',
    '/a.txt%00',
    '/%5c..%5ca.txt',
  ]
  const dots = [
    '/.git/config',
    '/%2egit/config',
    '/.env',
    '/sub/.hidden',
    '/./a.txt',
    '/sub/./x',
    '/a.txt/.',
    '/a.txt/',
  ]
  const odd = ['//a.txt', '/sub//a.txt', '/a.txt\\', '/\\a.txt', '/%', '/%zz', 'a.txt', '*', '', '/a.txt\0', '/é']
  for (const target of [...up, ...encoded, ...dots, ...odd]) {
    t.equal(bodyAt(tier, target), undefined, JSON.stringify(target))
    t.equal(bodyAt(tier, `${target}?extension=/../x`), undefined)
  }
  t.equal(bodyAt(tier, '/a.txt'), 'mine')
  t.same(openFilesIn(directory), [])
})

await t.test('page files do not lead out of {cache}/{host}/{scheme}', async (t) => {
  const { directory, tier } = prepare(t)
  const pages = `${directory}/cache/a.test/https/permanent`
  symlinkSync('../../../b.test/https/permanent/index.html', `${pages}/index.html`)
  symlinkSync('../../../b.test/https/permanent', `${pages}/theirs`)
  symlinkSync(`${directory}/secret`, `${pages}/secret.txt`)
  const names = ['/', '/index.html', '/theirs', '/theirs/', '/secret.txt']
  const queries = ['/x?extension=/../../../../b.test/https/permanent/index.html', '/../../https/permanent/index.html']
  for (const target of [...names, ...queries]) t.equal(bodyAt(tier, target), undefined, target)
  t.equal(bodyAt(tier, '/', 'b.test'), 'theirs')
  t.same(openFilesIn(directory), [])
})

await t.test('a page has one name', async (t) => {
  const { directory, tier } = prepare(t)
  mkdirSync(`${directory}/cache/a.test/https/permanent/sub`)
  writeFileSync(`${directory}/cache/a.test/https/permanent/p.txt`, 'page')
  t.equal(bodyAt(tier, '/p.txt'), 'page')
  for (const target of ['//p.txt', '/sub/../p.txt', '/../permanent/p.txt', '/./p.txt', '/p.txt/', '/p%2etxt']) {
    t.equal(bodyAt(tier, target), undefined, target)
  }
})

await t.test('a host folder that is itself a link shows no pages', async (t) => {
  const { directory, tier } = prepare(t)
  symlinkSync('b.test', `${directory}/cache/c.test`)
  t.equal(bodyAt(tier, '/', 'c.test'), undefined)
})

await t.test('no link leads from one blog to another, or anywhere else', async (t) => {
  const { directory, tier } = prepare(t)
  const blog = `${directory}/blogs/a`
  symlinkSync('../b/b.txt', `${blog}/file.txt`)
  symlinkSync('../b', `${blog}/dir`)
  symlinkSync('/etc', `${blog}/etc`)
  symlinkSync('.git', `${blog}/git`)
  symlinkSync('/dev/zero', `${blog}/zero`)
  symlinkSync('loop', `${blog}/loop`)
  symlinkSync('a.txt', `${blog}/fine.txt`)
  symlinkSync('../../secret', `${blog}/a.txt.br`)
  const names = [
    '/file.txt',
    '/dir/b.txt',
    '/dir/sub/c.txt',
    '/etc/hostname',
    '/etc/passwd',
    '/git/config',
    '/zero',
    '/loop',
  ]
  for (const target of names) t.equal(bodyAt(tier, target), undefined, target)
  t.equal(bodyAt(tier, '/fine.txt'), 'mine')
  const brotli = headOf('/a.txt', { headers: { 'accept-encoding': 'br' } })
  t.equal(tier.find(brotli), undefined, 'a neighbour that leads out')
  mkdirSync(`${blog}/out`)
  symlinkSync('../../b/b.txt', `${blog}/out/index.html`)
  t.equal(bodyAt(tier, '/out'), undefined, 'no redirect to an index that may not be shown')
  t.same(openFilesIn(directory), [])
})

await t.test('in the cdn no link leads from one blog to another', async (t) => {
  const { directory, tier } = prepare(t)
  symlinkSync('../two/b.css', `${directory}/cdn/one/b.css`)
  symlinkSync('two', `${directory}/cdn/three`)
  symlinkSync('a.css', `${directory}/cdn/one/same.css`)
  const cdn = 'cdn.blot.test'
  t.equal(bodyAt(tier, '/one/a.css', cdn), 'one')
  t.equal(bodyAt(tier, '/one/same.css', cdn), 'one')
  t.equal(bodyAt(tier, '/one/b.css', cdn), undefined)
  t.equal(bodyAt(tier, '/three/b.css', cdn), undefined)
})

await t.test('the link `folder` is swapped after it was resolved', async (t) => {
  const { directory, tier, clock } = prepare(t)
  t.equal(bodyAt(tier, '/a.txt'), 'mine')
  symlinkSync('../../blogs/b', `${directory}/cache/a.test/new`)
  renameSync(`${directory}/cache/a.test/new`, `${directory}/cache/a.test/folder`)
  t.equal(bodyAt(tier, '/b.txt'), undefined, 'what was resolved holds for a second')
  clock.ms += 1000
  t.equal(bodyAt(tier, '/b.txt'), 'theirs', 'then the app has decided otherwise')
  t.equal(bodyAt(tier, '/a.txt'), undefined, 'and memory forgets')
})

await t.test('the resolved folder itself is replaced by a link', async (t) => {
  const { directory, tier } = prepare(t)
  t.equal(bodyAt(tier, '/a.txt'), 'mine')
  renameSync(`${directory}/blogs/a`, `${directory}/blogs/old`)
  symlinkSync('b', `${directory}/blogs/a`)
  t.equal(bodyAt(tier, '/b.txt'), undefined)
  t.equal(bodyAt(tier, '/sub/c.txt'), undefined)
})

await t.test('a FIFO, a socket, a device and a directory are refused at once', async (t) => {
  const directory = mkdtempSync(`${tmpdir()}/edge-`)
  t.teardown(() => rmSync(directory, { recursive: true }))
  const folder = `${directory}/cache/a.test/folder`
  mkdirSync(`${folder}/dir.txt`, { recursive: true })
  const socket = createServer().listen(`${folder}/socket.txt`)
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  spawnSync('mkfifo', [`${folder}/fifo.txt`])
  // Only root can make a device; the link in another test stands for it elsewhere.
  spawnSync('mknod', [`${folder}/device.txt`, 'c', '1', '5'])
  const { tier } = createTier(t, directory)
  for (const name of ['fifo', 'socket', 'device', 'dir']) t.equal(bodyAt(tier, `/${name}.txt`), undefined, name)
  t.same(openFilesIn(directory), [])
})

await t.test('a file that may not be read is left to the app, and the operator is told once a minute', async (t) => {
  const directory = mkdtempSync(`${tmpdir()}/edge-`)
  t.teardown(() => rmSync(directory, { recursive: true }))
  const folder = `${directory}/cache/a.test/folder`
  mkdirSync(folder, { recursive: true })
  for (const name of ['open', 'closed']) writeFileSync(`${folder}/${name}.txt`, name)
  chmodSync(directory, 0o755)
  chmodSync(`${folder}/closed.txt`, 0)
  const { tier, clock } = createTier(t, directory)
  const faults: unknown[] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => faults.push(fault)))

  asNobody(() => {
    t.equal(bodyAt(tier, '/open.txt'), 'open')
    t.equal(bodyAt(tier, '/closed.txt'), undefined)
    t.equal(bodyAt(tier, '/closed.txt'), undefined)
    clock.ms += 60_000
    t.equal(bodyAt(tier, '/closed.txt'), undefined)
  })
  t.match(faults, [{ area: 'cache', error: { code: 'EACCES' } }, { error: { code: 'EACCES' } }])
  t.equal(faults.length, 2)
  t.same(openFilesIn(directory), [])
})

/** Root may read everything: step down for a moment. */
function asNobody(act: () => void): void {
  if (process.geteuid?.() !== 0) return act()
  process.seteuid?.(65_534)
  try {
    return act()
  } finally {
    process.seteuid?.(0)
  }
}

await t.test('whatever disappears between two looks is not here', async (t) => {
  const { directory, tier, clock } = prepare(t)
  t.equal(bodyAt(tier, '/a.txt'), 'mine')
  unlinkSync(`${directory}/blogs/a/a.txt`)
  t.equal(bodyAt(tier, '/a.txt'), 'mine', 'nobody looks for a second')
  clock.ms += 1000
  t.equal(bodyAt(tier, '/a.txt'), undefined)
  t.equal(tier.stats().entries, 0, 'nor kept')
  rmSync(`${directory}/cache`, { recursive: true })
  clock.ms += 1000
  t.equal(bodyAt(tier, '/a.txt'), undefined)
})
