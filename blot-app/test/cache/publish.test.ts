import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { blogId } from '../../src/blogs/blog-id.ts'
import { startEdge } from '../support/edge.ts'
import { startTestApp, temporaryFolder, writeFiles, type TestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const garden = 'http://garden.blot.localhost'
const withCache = { BLOT_CACHE: 'true' }
const https = { 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' }

const cached = (app: TestApp, name: string) => path.join(app.folder, 'cache', name)
const isCached = (app: TestApp, name: string) => existsSync(cached(app, name))
const appears = async (app: TestApp, name: string) => waitUntil(() => isCached(app, name))

await t.test('pages that every visitor would see are left for the edge', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/a.md': '# A', 'garden/a.txt': 'text', 'garden/bad.md': '---\ntitle: [\n---' },
    environment: withCache,
  })
  const http = 'garden.blot.localhost/http/temporary'

  await t.test('in the layout that the edge reads', async (t) => {
    const page = await app.visit(`${garden}/a`)
    await appears(app, `${http}/a/index.html`)
    t.equal(readFileSync(cached(app, `${http}/a/index.html`), 'utf8'), page.text)
    await app.visit(`${garden}:8443/`, { headers: https })
    await appears(app, 'garden.blot.localhost/https/temporary/index.html')
    await app.visit(`${garden}/feed.rss`)
    await appears(app, `${http}/feed.rss`)
    const [, style = ''] = /href="(\/style\.css[^"]*)"/.exec(page.text) ?? []
    const target = style.replaceAll('&amp;', '&')
    await app.visit(garden + target)
    await appears(app, `garden.blot.localhost/http/permanent${target}`)
  })

  await t.test('with links to the blog and its static files', async (t) => {
    t.equal(readlinkSync(cached(app, 'garden.blot.localhost/folder')), path.join(app.folder, 'blogs/garden'))
    const statics = path.join(app.folder, 'data/static')
    t.equal(readlinkSync(cached(app, 'garden.blot.localhost/static')), path.join(statics, blogId('garden')))
    t.equal(readlinkSync(cached(app, 'cdn.blot.localhost/static')), statics)
    const style = readFileSync(cached(app, 'garden.blot.localhost/static/style.css'), 'utf8')
    t.equal(style, (await app.visit(`${garden}/style.css`)).text)
  })

  await t.test('and nothing else', async (t) => {
    rmSync(cached(app, 'garden.blot.localhost/http'), { recursive: true })
    const unkept: [string, object?][] = [
      ['/a', { method: 'HEAD' }],
      ['/a', { headers: { cookie: 'session=1' } }],
      ['/a', { headers: { authorization: 'Basic eDp5' } }],
      ['/a?x=1'],
      ['/a?extension=1'],
      ['/style.css?v=1&extension=.css'],
      ['/%61'],
      ['/a/'],
      ['/nothing'],
      ['/bad'],
      ['/a.txt'],
      ['/a.md'],
    ]
    for (const [target, options] of unkept) await app.visit(garden + target, options)
    await app.visit('http://preview-garden.blot.localhost/a')
    await app.visit('http://blot.localhost/')
    // A port that only the visitor names would be in the feed for everybody.
    await app.visit(`${garden}:6666/feed.rss`)
    await app.visit(`${garden}:6666/sitemap.xml`)
    await app.visit(`${garden}/archives`)
    await appears(app, `${http}/archives/index.html`)
    rmSync(cached(app, `${http}/archives`), { recursive: true })
    t.notOk(isCached(app, `${http}/a`))
    t.strictSame(filesBelow(cached(app, 'garden.blot.localhost/http')), [])
    t.notOk(isCached(app, 'preview-garden.blot.localhost'))
    t.notOk(isCached(app, 'blot.localhost'))
  })
})

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name))
}

await t.test('without BLOT_CACHE nothing is written to the cache folder', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/a.md': '# A' } })
  await app.visit(`${garden}/a`)
  t.notOk(existsSync(path.join(app.folder, 'cache')))
  t.ok(existsSync(path.join(app.folder, 'data/static', blogId('garden'), 'style.css')))
})

await t.test('a change removes the pages that show it, then tells the edge', async (t) => {
  const edge = await startEdge(t)
  const posts = Object.fromEntries(
    Array.from({ length: 5 }, (_, index) => [
      `garden/p${index}.md`,
      `---\ntitle: P${index}\ndate: 2026-01-0${index + 1}\ntags: [t${index}]\n---\n`,
    ]),
  )
  const app = await startTestApp(t, {
    files: { ...posts, 'garden/blog.json': '{"domain": "garden.example"}' },
    environment: { ...withCache, BLOT_REVERSE_PROXY_URLS: `${edge.url}/`, BLOT_PURGE_TOKEN: 'purge-token' },
  })
  await waitUntil(() => edge.calls.length === 1)
  t.match(
    edge.calls[0]?.hosts,
    ['blot.localhost', 'garden.blot.localhost', 'garden.example', 'www.garden.example'],
    'at the start all',
  )
  t.equal(edge.calls[0]?.headers['x-blot-purge-token'], 'purge-token')

  const targets = [
    '/',
    '/p0',
    '/p1',
    '/p2',
    '/p3',
    '/p4',
    '/archives',
    '/tagged/t0',
    '/tagged/t2',
    '/feed.rss',
    '/robots.txt',
  ]
  const fileOf = (host: string, scheme: string, target: string) => {
    return `${host}/${scheme}/temporary${target === '/' ? '' : target}${target.includes('.') ? '' : '/index.html'}`
  }
  const places = ['garden.blot.localhost', 'garden.example'].flatMap((host) =>
    ['http', 'https'].map((scheme) => ({ host, scheme })),
  )
  for (const { host, scheme } of places) {
    for (const target of targets) {
      await app.visit(`http://${host}${target}`, { headers: { 'x-forwarded-proto': scheme } })
      await appears(app, fileOf(host, scheme, target))
    }
  }

  let left: string[] = []
  edge.onPurge = () =>
    (left = targets.filter((target) => places.some(({ host, scheme }) => isCached(app, fileOf(host, scheme, target)))))
  app.write('garden/p2.md', '---\ntitle: P2\ndate: 2026-01-03\ntags: [t2]\n---\nChanged')
  await waitUntil(() => edge.calls.length === 2)
  t.strictSame(edge.calls[1]?.hosts.toSorted(), [
    'blot.localhost',
    'garden.blot.localhost',
    'garden.example',
    'www.garden.example',
  ])
  t.strictSame(
    left,
    ['/p0', '/p4', '/tagged/t0', '/robots.txt'],
    'the post, its neighbours and the lists were gone by then',
  )

  await t.test('settings are on every page', async (t) => {
    app.write('garden/blog.json', '{"domain": "garden.example", "title": "Other"}')
    await waitUntil(() => edge.calls.length === 3)
    t.strictSame(left, [])
  })

  await t.test('a picture is on no page, but the edge may have it', async (t) => {
    await app.visit(`${garden}/p0`)
    await appears(app, fileOf('garden.blot.localhost', 'http', '/p0'))
    app.write('garden/a.svg', '<svg/>')
    await waitUntil(() => edge.calls.length === 4)
    t.strictSame(left, ['/p0'])
  })

  await t.test('a host that leaves takes its folder along', async (t) => {
    app.write('garden/blog.json', '{"domain": "new.example", "title": "Other"}')
    await waitUntil(() => edge.calls.length === 5)
    t.match(
      edge.calls[4]?.hosts,
      ['garden.blot.localhost', 'garden.example', 'www.garden.example'],
      'the old names too',
    )
    t.ok(edge.calls[4]?.hosts.includes('new.example'))
    t.notOk(isCached(app, 'garden.example'))
    t.ok(isCached(app, 'new.example/folder'))
  })

  await t.test('a blog that goes leaves nothing', async (t) => {
    rmSync(path.join(app.folder, 'blogs/garden'), { recursive: true })
    await waitUntil(() => edge.calls.some((call, index) => index >= 5 && call.hosts.includes('new.example')))
    await waitUntil(() => !isCached(app, 'garden.blot.localhost') && !isCached(app, 'new.example'))
    t.notOk(existsSync(path.join(app.folder, 'data/static', blogId('garden'))))
  })
})

await t.test('of an edge that keeps our answers, a change purges the pages that show it, not the host', async (t) => {
  const edge = await startEdge(t)
  const post = (number: number, text: string) =>
    `---\ntitle: P${number}\ndate: 2026-01-0${number + 1}\ntags: [t${number}]\n---\n${text}`
  const app = await startTestApp(t, {
    files: Object.fromEntries(Array.from({ length: 5 }, (_, number) => [`garden/p${number}.md`, post(number, '')])),
    environment: { BLOT_REVERSE_PROXY_URLS: edge.url },
  })
  await waitUntil(() => edge.calls.length === 1)
  t.ok(edge.calls[0]?.hosts.includes('garden.blot.localhost'), 'at the start all')
  const tagsOf = async (target: string): Promise<readonly string[]> =>
    String((await app.visit(garden + target)).headers['cache-tag']).split(',')
  const targets = ['/', '/p0', '/p1', '/p2', '/p3', '/p4', '/archives', '/tagged/t0', '/tagged/t2', '/feed.rss']
  const tags = new Map<string, readonly string[]>()
  for (const target of [...targets, '/robots.txt', '/nothing', '/p1/']) tags.set(target, await tagsOf(target))

  app.write('garden/p2.md', post(2, 'Changed'))
  await waitUntil(() => edge.calls.length === 2)
  const { hosts, tags: purged = [] } = edge.calls[1] ?? {}
  t.strictSame(hosts, [])
  const left = [...tags].filter(([, some]) => !some.some((tag) => purged.includes(tag))).map(([target]) => target)
  t.strictSame(left, ['/p0', '/p4', '/tagged/t0', '/robots.txt'], 'the post, its neighbours and the lists were named')

  await t.test('files and settings may be on any page', async (t) => {
    app.write('garden/a.svg', '<svg/>')
    await waitUntil(() => edge.calls.length === 3)
    app.write('garden/blog.json', '{"title": "Other"}')
    await waitUntil(() => edge.calls.length === 4)
    for (const call of edge.calls.slice(2)) t.ok(call.hosts.includes('garden.blot.localhost'))
  })
})

await t.test('no page from before a change is found after its purge, however busy the site is', async (t) => {
  const edge = await startEdge(t)
  // A large feed is long in writing, so that changes come while it is.
  const posts = Array.from({ length: 20 }, (_, index) => [
    `garden/p${index}.md`,
    `# ${index}\n\n<pre>${'x'.repeat(100_000)}</pre>`,
  ])
  const app = await startTestApp(t, {
    files: { ...Object.fromEntries(posts), 'garden/a.md': '# A\n\nversion 0.' },
    environment: { ...withCache, BLOT_REVERSE_PROXY_URLS: edge.url },
  })
  const feed = cached(app, 'garden.blot.localhost/http/temporary/feed.rss')
  await waitUntil(() => edge.calls.length === 1)
  for (let version = 1; version <= 8; version += 1) {
    const purged = edge.calls.length
    app.write('garden/a.md', `# A\n\nversion ${version}.`)
    const visitors = Array.from({ length: 2 }, async () => {
      while (edge.calls.length === purged) await app.visit(`${garden}/feed.rss`)
    })
    await Promise.all(visitors)
    await waitUntil(() => filesBelow(cached(app, '.tmp')).length === 0)
    t.ok(!existsSync(feed) || readFileSync(feed, 'utf8').includes(`version ${version}.`), `version ${version}`)
  }
})

await t.test('what changed while the app was down is not shown after its start', async (t) => {
  const folder = temporaryFolder(t)
  const first = await startTestApp(t, {
    folder,
    files: { 'garden/a.md': '# A', 'orchard/a.md': '# A' },
    environment: withCache,
  })
  for (const host of ['garden', 'orchard']) {
    await first.visit(`http://${host}.blot.localhost/a`)
    await appears(first, `${host}.blot.localhost/http/temporary/a/index.html`)
  }
  await first.close()
  rmSync(path.join(folder, 'blogs/orchard'), { recursive: true })
  writeFiles(path.join(folder, 'cache'), { 'not-ours/file': 'kept', file: 'kept' })
  mkdirSync(path.join(folder, 'cache/not-ours/folder'))
  rmSync(path.join(folder, 'cache/garden.blot.localhost/folder'))
  symlinkSync('/', path.join(folder, 'cache/garden.blot.localhost/folder'))
  writeFileSync(path.join(folder, 'data/static/other'), 'kept')

  const second = await startTestApp(t, { folder, environment: withCache })
  t.notOk(isCached(second, 'garden.blot.localhost/http/temporary/a/index.html'))
  t.notOk(isCached(second, 'orchard.blot.localhost'))
  t.notOk(existsSync(path.join(folder, 'data/static', blogId('orchard'))))
  t.equal(readlinkSync(cached(second, 'garden.blot.localhost/folder')), path.join(folder, 'blogs/garden'))
  for (const kept of ['cache/not-ours/file', 'cache/not-ours/folder', 'cache/file', 'data/static/other']) {
    t.ok(existsSync(path.join(folder, kept)), `${kept} is not ours to remove`)
  }
})
