import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pollUntil } from '../../until.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { fields, HOST, startSite, type Site } from '../shared/site.ts'

const FRESH = { 'Cache-Control': 'max-age=600', 'Cache-Tag': 'post:1, blog:1', ETag: '"a"' }

/** Who answers, and by which section of which RFC. */
async function decided(site: Site, ...question: Parameters<Site['explain']>): Promise<string> {
  const { answers, because } = await site.explain(...question)
  return `${answers}: ${because.section ?? because.words}`
}

await t.test('an answer in memory: its age, its time and who gave it, its tags', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ ...FRESH, 'Cache-Control': 'max-age=600, stale-while-revalidate=30, stale-if-error=90' })
  await site.ask('/a?b')
  site.advance(200)
  const explained = await site.explain('/a?b')
  t.match(explained, {
    key: `http://${HOST}/a?b`,
    answers: 'memory',
    because: { words: /^it is fresh for (400|39\d) s more: max-age$/, section: 'RFC 9111 5.2.2.1' },
    file: undefined,
    disk: { stored: undefined, hasOthers: false, fault: undefined },
    purge: undefined,
  })
  const [{ process, stored } = { process: '', stored: [] }] = explained.memory ?? []
  t.equal(process, 'worker-1')
  t.match(stored, [
    {
      status: 200,
      bytes: 'body 1'.length,
      codings: [],
      vary: [],
      isSelected: true,
      tags: ['post:1', 'blog:1'],
      lifetimeS: 600,
      lifetimeFrom: { words: 'max-age', section: 'RFC 9111 5.2.2.1' },
      whileRevalidatingS: 30,
      ifErrorS: 90,
      reuse: 'fresh',
      rule: undefined,
    },
  ])
  t.ok(Math.abs((stored[0]?.ageS ?? 0) - 200) < 60)
  t.equal((stored[0]?.ageS ?? 0) + (stored[0]?.leftS ?? 0), 600)
})

await t.test('a question is no use of an answer, and no request', async (t) => {
  const cacheDirectory = temporaryDirectory(t)
  const site = await startSite(t, { disk: true, cacheDirectory, memoryBytes: 16_000 })
  site.reply = fields(FRESH)
  await site.ask('/first')
  const stored = (): string[] =>
    readdirSync(cacheDirectory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath.includes('answers'))
      .map((entry) => join(entry.parentPath, entry.name))
  await pollUntil(() => stored().length === 1)
  const [file = ''] = stored()
  utimesSync(file, 1, 1)
  await site.ask('/second')
  for (let i = 0; i < 3; i++) t.equal(await decided(site, '/first'), 'memory: RFC 9111 5.2.2.1')
  await site.ask('/third')
  await site.ask('/fourth')
  t.same((await site.explain('/first')).memory?.[0]?.stored, [], 'the first is still the first to go')
  t.equal(await decided(site, '/first'), 'disk: RFC 9111 5.2.2.1')
  t.equal(statSync(file).mtimeMs, 1000, 'nor is it touched')
  writeFileSync(file, 'damaged')
  t.equal((await site.explain('/first')).disk.stored, undefined)
  t.equal(statSync(file).size, 7, 'nor removed')
  t.equal(site.asked.length, 4)
})

await t.test('who answers, and why: every way to the app', async (t) => {
  const site = await startSite(t)
  site.reply = fields(FRESH)
  await site.ask('/')
  const rows: [headers: string[], expected: string][] = [
    [[], 'memory: RFC 9111 5.2.2.1'],
    [['Accept-Encoding', 'br'], 'memory: RFC 9111 5.2.2.1'],
    [['Cache-Control', 'no-cache'], 'the app: RFC 9111 5.2.1'],
    [['Cache-Control', 'min-fresh=700'], 'the app: RFC 9111 5.2.1'],
    [['Authorization', 'Basic YTpi'], 'the app: RFC 9111 3.5'],
  ]
  for (const [headers, expected] of rows) t.equal(await decided(site, '/', { headers }), expected, headers.join(': '))
  site.advance(700)
  t.equal(await decided(site, '/'), 'the app: RFC 9111 4.3')
  t.equal(await decided(site, '/', { headers: ['Cache-Control', 'max-stale'] }), 'memory: RFC 9111 5.2.1.2')
  t.match(await decided(site, '/', { host: 'preview-of-a.blot.example' }), 'the app: a preview: never stored')
  t.match(await decided(site, '/', { host: 'blot.example' }), 'the app: the site itself: never stored')
  t.match(await decided(site, '/nobody'), 'the app: nothing is stored, and nobody has asked for it lately')
  t.match(await decided(site, '/', { headers: ['X-Forwarded-Host', 'evil'] }), /the app: the request had a field/)

  site.reply = fields({ 'Cache-Control': 'max-age=600, no-cache', ETag: '"a"' })
  await site.ask('/asked')
  t.equal(await decided(site, '/asked'), 'the app: RFC 9111 5.2.2.4')
  site.reply = fields({ 'Cache-Control': 'max-age=1, stale-while-revalidate=600' })
  await site.ask('/swr')
  site.advance(100)
  t.equal(await decided(site, '/swr'), 'memory: RFC 5861 3')
})

await t.test('an answer that is not stored: the rule, and when it was applied', async (t) => {
  const site = await startSite(t)
  const rows: [headers: Record<string, string>, section: string][] = [
    [{ 'Cache-Control': 'private' }, 'RFC 9111 5.2.2.7'],
    [{ 'Cache-Control': 'no-store' }, 'RFC 9111 5.2.2.5'],
    [{ 'Cache-Control': 'max-age=60', 'Set-Cookie': 'a=b' }, 'RFC 9111 7.3'],
    [{ 'Cache-Control': 'max-age=60', Vary: '*' }, 'RFC 9111 4.1'],
    [{}, 'RFC 9111 3'],
  ]
  for (const [headers, section] of rows) {
    site.reply = fields(headers)
    await site.ask(`/${section}`.replaceAll(' ', '-'))
    const { because, memory } = await site.explain(`/${section}`.replaceAll(' ', '-'))
    t.match(because, { words: /^not stored: .+ \(\d+ s ago, 200\)$/, section })
    t.match(memory?.[0]?.decisions?.answer, { status: 200 })
  }
  site.reply = fields(FRESH)
  await site.ask('/', { 'X-Original-URL': '/admin' })
  t.match((await site.explain('/')).memory?.[0]?.decisions, { request: { why: 'override field' } })
  await site.ask('/')
  t.equal(await decided(site, '/'), 'memory: RFC 9111 5.2.2.1', 'what came of another request changes nothing')
  await site.purge({ tags: ['post:1'] })
  t.match(await site.explain('/'), {
    because: { words: /^it was stored \(\d+ s ago, 200\), and has been purged or had to make room since$/ },
  })
})

await t.test('variants: which are there, and which one the request gets', async (t) => {
  const site = await startSite(t, { disk: true, cacheDirectory: temporaryDirectory(t) })
  site.reply = fields({ ...FRESH, Vary: 'Accept-Language' })
  for (const language of ['de', 'en']) await site.ask('/', { 'Accept-Language': language })
  const explained = await site.explain('/', { headers: ['Accept-Language', 'de'] })
  t.equal(explained.answers, 'memory')
  t.strictSame(
    explained.memory?.[0]?.stored.map(({ selection, isSelected }) => [selection, isSelected]),
    [
      ['accept-language:=en', false],
      ['accept-language:=de', true],
    ],
  )
  t.match(await site.explain('/', { headers: ['Accept-Language', 'fr'] }), { answers: 'the app' })
  await pollUntil(
    async () => (await site.explain('/', { headers: ['Accept-Language', 'en'] })).disk.stored !== undefined,
  )
  t.match(await site.explain('/'), { disk: { stored: undefined, hasOthers: true } })
})

await t.test('without an edge: what the disk has, and what purges say of it', async (t) => {
  const site = await startSite(t, { disk: true, cacheDirectory: temporaryDirectory(t) })
  site.reply = fields({ ...FRESH, 'Cache-Control': 'max-age=600' })
  await site.ask('/')
  await pollUntil(async () => (await site.explain('/')).disk.stored !== undefined)
  t.match(await site.explain('/', { offline: true }), { answers: 'disk', memory: null })
  await site.purge({ tags: ['blog:1'], soft: true })
  t.match(await site.explain('/', { offline: true }), {
    answers: 'the app',
    because: { section: 'RFC 9111 4.3' },
    purge: { name: 'tag blog:1', soft: true },
  })
  await site.purge({ hosts: [HOST] })
  t.match(await site.explain('/', { offline: true }), {
    answers: 'the app',
    because: { words: 'a later purge is about it' },
    disk: { stored: { reuse: 'purged' } },
    purge: { name: `host ${HOST}`, soft: false },
  })
})

await t.test('files: the app owns its pages, and what may become one', async (t) => {
  const cacheDirectory = temporaryDirectory(t)
  const site = await startSite(t, { cacheDirectory, pageFiles: true })
  const pages = join(cacheDirectory, HOST, 'http/permanent')
  mkdirSync(pages, { recursive: true })
  writeFileSync(join(pages, 'about.html'), 'about')
  utimesSync(join(pages, 'about.html'), 1_700_000_000, 1_700_000_000)
  t.match(await site.explain('/about.html'), {
    answers: 'page file',
    because: { words: 'a page that the app wrote (permanent): the app owns it' },
    file: { path: join(pages, 'about.html'), bytes: 5, cacheControl: 'public, max-age=31536000', codings: [] },
  })
  site.reply = fields(FRESH)
  await site.ask('/page')
  t.match(await site.explain('/page'), { answers: 'the app', because: { words: /^not stored: the app owns it/ } })
  t.match(await site.explain('/other'), { because: { words: /^the app owns it/ } })
  await site.ask('/page?x')
  t.match(await site.explain('/page?x'), { answers: 'memory' })
})
