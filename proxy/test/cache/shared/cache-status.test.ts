import type { ServerResponse } from 'node:http'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { pollUntil } from '../../until.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { until } from '../fixture.ts'
import { fields, HOST, startSite, type Site } from './site.ts'

/** What an answer says of itself, without the name of the cache; seconds that are left in steps of a hundred. */
async function statusOf(site: Site, ...question: Parameters<Site['ask']>): Promise<string> {
  const { headers } = await site.ask(...question)
  const status = String(headers['cache-status'])
  if (!status.startsWith('blot-edge; ')) throw new Error(`Cache-Status: ${status}`)
  const rough = status.replace(/ttl=(-?\d+)/, (_, left: string) => `ttl=${Math.ceil(Number(left) / 100) * 100}`)
  return `${String(headers['blot-cache'])}: ${rough.slice('blot-edge; '.length)}`
}

const keyOf = (target: string): string => `key="http://${HOST}${target}"`

await t.test('what is stored: how long it is good for, and for how long it has not been', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=600, stale-while-revalidate=600', ETag: '"a"' })
  t.equal(await statusOf(site, '/'), `MISS: fwd=uri-miss; ${keyOf('/')}; stored; ttl=600`)
  site.advance(200)
  t.equal(await statusOf(site, '/'), 'HIT: hit; ttl=400')
  t.equal(await statusOf(site, '/', { 'If-None-Match': '"a"' }), 'HIT: hit; ttl=400', '304')
  t.equal(await statusOf(site, '/', { Range: 'bytes=0-1' }), 'HIT: hit; ttl=400', '206')
  t.equal(await statusOf(site, '/', { Range: 'bytes=99-' }), 'HIT: hit; ttl=400', '416')
  t.equal(await statusOf(site, '/', {}, { method: 'HEAD' }), 'HIT: hit; ttl=400')
  site.advance(550)
  t.equal(await statusOf(site, '/'), 'UPDATING: hit; ttl=-100; detail=updating')
})

await t.test('what is stale: confirmed, fetched anew, or sent for want of a better one', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    response.setHeader('Cache-Control', 'max-age=600')
    response.setHeader('ETag', '"a"')
    if (request.headers['if-none-match'] !== undefined && number === 2) response.writeHead(304).end()
    else response.end(`body ${number}`)
  }
  await site.ask('/')
  site.advance(601)
  t.equal(await statusOf(site, '/'), `REVALIDATED: fwd=stale; ${keyOf('/')}; fwd-status=304; stored; ttl=600`)
  site.advance(601)
  t.equal(await statusOf(site, '/'), `EXPIRED: fwd=stale; ${keyOf('/')}; stored; ttl=600`)
  t.equal(
    await statusOf(site, '/', { 'Cache-Control': 'no-cache' }),
    `EXPIRED: fwd=request; ${keyOf('/')}; stored; ttl=600`,
    'fresh, and not wanted so',
  )
  site.advance(750)
  await site.away()
  t.equal(await statusOf(site, '/'), 'STALE: hit; ttl=-100; detail=stale')
  t.equal(await statusOf(site, '/gone'), `MISS: fwd=uri-miss; ${keyOf('/gone')}`, 'the page that says 502')
  t.equal(await statusOf(site, '/gone', { 'Cache-Control': 'only-if-cached' }), 'MISS: detail=only-if-cached')
  await site.back()
})

await t.test('what is not stored: by which rule', async (t) => {
  const site = await startSite(t, { pageFiles: true })
  const rows: [string, Record<string, string>, string][] = [
    ['/a?x', { 'Cache-Control': 'no-store' }, 'no-store'],
    ['/b?x', { 'Cache-Control': 'private' }, 'private'],
    ['/c?x', { 'Cache-Control': 'max-age=600', 'Set-Cookie': 'a=b' }, 'set-cookie'],
    ['/d?x', { 'Cache-Control': 'max-age=600', Vary: '*' }, 'vary-*'],
    ['/e?x', {}, 'no-freshness'],
    ['/f?x', { 'Cache-Control': 'max-age=600', 'Cache-Tag': 'x'.repeat(300) }, 'too-many-tags'],
    ['/g', { 'Cache-Control': 'max-age=600' }, 'page-file'],
  ]
  for (const [target, headers, rule] of rows) {
    site.reply = fields(headers)
    t.match(await statusOf(site, target), `MISS: fwd=uri-miss; ${keyOf(target)}; detail=${rule}`)
  }
  t.equal(await statusOf(site, '/a?x'), `MISS: fwd=uri-miss; ${keyOf('/a?x')}; detail=private-lately`)
  site.reply = fields({ 'Cache-Control': 'max-age=600' })
  const credentials = { Authorization: 'Basic YTpi' }
  t.equal(await statusOf(site, '/h?x', credentials), `BYPASS: fwd=uri-miss; ${keyOf('/h?x')}; detail=authorization`)
  site.reply = fields({ 'Cache-Control': 'public, max-age=600' })
  t.equal(await statusOf(site, '/i?x', credentials), `MISS: fwd=uri-miss; ${keyOf('/i?x')}; stored; ttl=600`)
  site.reply = fields({}, 503)
  t.equal(await statusOf(site, '/j?x'), `MISS: fwd=uri-miss; ${keyOf('/j?x')}; detail=trouble`)
})

await t.test('what is not looked for: by which rule', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=600' })
  t.equal(await statusOf(site, '/', {}, { method: 'POST' }), 'BYPASS: fwd=method')
  t.equal(await statusOf(site, '/', {}, { authority: `${HOST}:1234` }), 'BYPASS: fwd=bypass; detail=foreign-host')
  t.equal(await statusOf(site, '/', { 'X-Forwarded-Host': 'evil' }), 'BYPASS: fwd=bypass; detail=override-field')
  t.equal(await statusOf(site, '/', { 'X-Large': 'x'.repeat(9000) }), 'BYPASS: fwd=bypass; detail=large-head')
  t.equal(await statusOf(site, `/${'x'.repeat(2048)}`), 'BYPASS: fwd=bypass; detail=long-target')
  t.equal(await statusOf(site, '/', { 'If-Match': '"a"' }), 'BYPASS: fwd=bypass; detail=if-match')
  t.equal(await statusOf(site, '/', { Accept: 'text/event-stream' }), 'BYPASS: fwd=bypass; detail=event-stream')
  t.equal(await statusOf(site, '/', { Range: 'bytes=0-1' }), `MISS: fwd=uri-miss; ${keyOf('/')}; detail=range`)
  const preview = { host: 'preview-of-a.blot.example' }
  t.equal(await statusOf(site, '/', {}, preview), 'BYPASS: fwd=bypass; detail=site')
})

await t.test('variants, and keys that no string can hold', async (t) => {
  const cacheDirectory = temporaryDirectory(t)
  const site = await startSite(t, { disk: true, cacheDirectory })
  site.reply = fields({ 'Cache-Control': 'max-age=600', Vary: 'Accept-Language' })
  await site.ask('/', { 'Accept-Language': 'de' })
  const miss = `MISS: fwd=vary-miss; ${keyOf('/')}; stored; ttl=600`
  t.equal(await statusOf(site, '/', { 'Accept-Language': 'en' }), miss)
  site.forgetMemory()
  await pollUntil(() => readdirSync(cacheDirectory, { recursive: true }).some((name) => String(name).endsWith('.vary')))
  t.equal(await statusOf(site, '/', { 'Accept-Language': 'fr' }), miss, 'the disk knows')
  for (const target of ['/a"b', `/${'x'.repeat(300)}`]) {
    t.equal(await statusOf(site, target), 'MISS: fwd=uri-miss; stored; ttl=600')
  }
})

await t.test('who waited for somebody else’s answer is told so', async (t) => {
  const site = await startSite(t)
  const held: ServerResponse[] = []
  site.reply = (request, response) => {
    if (request.url === '/other') response.end()
    else held.push(response)
  }
  /** Two visitors, the second of whom waits when the app answers. */
  const answerTwo = async (target: string, headers: Record<string, string>): Promise<string[]> => {
    held.length = 0
    const first = statusOf(site, target)
    await until(t, 'the app is asked', () => held.length === 1)
    const second = statusOf(site, target)
    // Whoever comes later is answered: the second one has been heard.
    await site.ask('/other')
    held[0]?.writeHead(200, headers).end()
    const answered = await first
    held[1]?.end()
    return [answered, await second]
  }
  const shared = `MISS: fwd=uri-miss; ${keyOf('/a')}`
  t.strictSame(await answerTwo('/a', { 'Cache-Control': 'max-age=600' }), [
    `${shared}; stored; ttl=600`,
    `${shared}; collapsed; stored; ttl=600`,
  ])
  const own = `MISS: fwd=uri-miss; ${keyOf('/b')}`
  site.reply = (request, response) => {
    if (request.url === '/other' || held.length > 0) response.end()
    else held.push(response)
  }
  t.strictSame(await answerTwo('/b', { 'Cache-Control': 'private' }), [
    `${own}; detail=private`,
    `${own}; collapsed=?0`,
  ])
})
