import t from 'tap'
import { until } from '../fixture.ts'
import { startSite, type Reply, type Site } from './site.ts'

const WHOLE = '0123456789'
const FRESH = { 'Cache-Control': 'max-age=60', ETag: '"a"', 'Content-Type': 'text/plain' }

/** An app that knows ranges, as far as visitors of these tests ask for them. */
function ranges(fields: Record<string, string> = FRESH, whole = WHOLE): Reply {
  return (request, response) => {
    for (const [name, value] of Object.entries(fields)) response.setHeader(name, value)
    const asked = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '')
    if (asked === null) {
      response.end(whole)
      return
    }
    const start = asked[1] === '' ? whole.length - Number(asked[2]) : Number(asked[1])
    const last = asked[1] === '' || asked[2] === '' ? whole.length - 1 : Number(asked[2])
    response.writeHead(206, { 'Content-Range': `bytes ${start}-${last}/${whole.length}` })
    response.end(whole.slice(start, last + 1))
  }
}

async function part(site: Site, range: string, headers: Record<string, string> = {}, path = '/'): Promise<string> {
  const { status, text, headers: got } = await site.ask(path, { Range: `bytes=${range}`, ...headers })
  return `${status} ${text} ${String(got['blot-cache'])}`
}

await t.test('a part is sent to others who ask for it, or for some of it', async (t) => {
  const site = await startSite(t)
  site.reply = ranges()
  t.equal(await part(site, '4-8'), '206 45678 MISS')
  t.equal(await part(site, '4-8'), '206 45678 HIT')
  t.equal(await part(site, '5-6'), '206 56 HIT')
  t.equal(await part(site, '-3'), '206 789 MISS', 'its last byte is not there')
  t.equal(await part(site, '7-'), '206 789 HIT')
  t.equal(await part(site, '-1'), '206 9 HIT')
  t.equal(await part(site, '10-'), '416  HIT', 'that nothing is there is known')
  const { headers } = await site.ask('/', { Range: 'bytes=5-5' })
  t.match(headers, { 'content-range': 'bytes 5-5/10', etag: '"a"', 'cache-control': 'max-age=60', age: /^\d$/ })
  t.equal(site.asked.length, 2)
  site.advance(61)
  t.equal(await part(site, '4-8'), '206 45678 MISS', 'until it is stale')
})

await t.test('parts of the same are put together; when all is there, it is stored as a whole', async (t) => {
  const site = await startSite(t)
  site.reply = ranges()
  for (const range of ['0-2', '6-9', '2-4']) await part(site, range)
  t.equal(await part(site, '1-3'), '206 123 HIT')
  t.equal(await part(site, '4-6'), '206 456 MISS')
  t.match(await site.ask('/'), { status: 200, text: WHOLE, headers: { 'blot-cache': 'HIT' } })
  t.equal(site.asked.length, 4)
})

await t.test('what is no strong tag puts nothing together, and a new version ends the old one', async (t) => {
  const site = await startSite(t)
  for (const tag of ['W/"a"', '']) {
    const path = `/${tag.length}`
    site.reply = ranges({ ...FRESH, ETag: tag })
    await part(site, '0-4', {}, path)
    await part(site, '5-9', {}, path)
    t.equal((await site.ask(path)).headers['blot-cache'], 'MISS', tag)
  }
  site.reply = ranges()
  await part(site, '0-4')
  site.reply = ranges({ ...FRESH, ETag: '"b"' }, 'abcdefghij')
  await part(site, '5-9')
  t.equal(await part(site, '0-4'), '206 abcde MISS')
})

await t.test('conditions are about the whole', async (t) => {
  const site = await startSite(t)
  site.reply = ranges()
  await part(site, '0-4')
  t.equal(await part(site, '0-1', { 'If-Range': '"a"' }), '206 01 HIT')
  t.equal(await part(site, '0-1', { 'If-Range': '"b"' }), '206 01 MISS', 'the app judges what is not all there')
  t.equal(await part(site, '0-1', { 'If-None-Match': '"a"' }), '304  HIT')
  t.equal(await part(site, '0-1,3-9'), '200 0123456789 MISS')
  t.equal(await part(site, '0-1', { 'Cache-Control': 'no-cache' }), '206 01 MISS')
})

await t.test('nor do parts that were selected, or coded, otherwise; whatever their tag says', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    const language = request.headers['accept-language'] ?? ''
    ranges({ ...FRESH, Vary: 'Accept-Language' }, language.repeat(5))(request, response, number)
  }
  const [german, english] = [{ 'Accept-Language': 'de' }, { 'Accept-Language': 'en' }]
  await part(site, '0-4', german)
  await part(site, '5-9', english)
  t.equal(await part(site, '0-4', german), '206 deded HIT')
  t.match(await site.ask('/', english), { text: 'enenenenen', headers: { 'blot-cache': 'MISS' } })

  site.reply = ranges()
  await part(site, '0-4', {}, '/coded')
  site.reply = ranges({ ...FRESH, 'Content-Encoding': 'gzip' }, 'abcdefghij')
  await part(site, '5-9', {}, '/coded')
  t.equal((await site.ask('/coded')).headers['blot-cache'], 'MISS')
})

await t.test('what is put together has the tags of both', async (t) => {
  const site = await startSite(t)
  site.reply = ranges({ ...FRESH, 'Cache-Tag': 'film' })
  await part(site, '0-4')
  site.reply = ranges()
  await part(site, '5-7')
  t.equal(await part(site, '2-6'), '206 23456 HIT')
  await site.purge({ tags: ['film'] })
  t.equal(await part(site, '2-6'), '206 23456 MISS')
})

await t.test('purges, and a POST, end parts as well', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    response.setHeader('Cache-Tag', 'film')
    if (request.method === 'POST') response.end()
    else ranges()(request, response, number)
  }
  const ends: [name: string, end: () => Promise<unknown>][] = [
    ['host', () => site.purge({ hosts: ['a.test'] })],
    ['url', () => site.purge({ urls: ['//a.test/'] })],
    ['tag', () => site.purge({ tags: ['film'] })],
    ['soft', () => site.purge({ tags: ['film'], soft: true })],
    ['everything', () => site.purge({ everything: true })],
    ['POST', () => site.ask('/', {}, { method: 'POST' })],
  ]
  for (const [name, end] of ends) {
    await part(site, '0-4')
    t.equal(await part(site, '0-4'), '206 01234 HIT')
    await end()
    t.equal(await part(site, '0-4'), '206 01234 MISS', name)
  }
})

await t.test('a purge while a part comes wins', async (t) => {
  const site = await startSite(t)
  let purged = false
  site.reply = (_request, response) => {
    response.writeHead(206, { ...FRESH, 'Content-Range': 'bytes 0-4/10' })
    response.write('01')
    void until(t, 'it is purged', () => purged).then(() => response.end('234'))
  }
  const coming = part(site, '0-4')
  await until(t, 'the app is asked', () => site.asked.length === 1)
  await site.purge({ hosts: ['a.test'] })
  purged = true
  await coming
  site.reply = ranges()
  t.equal(await part(site, '0-4'), '206 01234 MISS')
})

await t.test('what is not for others, or cannot be a part, is kept for nobody', async (t) => {
  const site = await startSite(t)
  const rows: [name: string, headers: Record<string, string>, request?: Record<string, string>][] = [
    ['private', { ...FRESH, 'Cache-Control': 'private, max-age=60' }],
    ['no-store', { ...FRESH, 'Cache-Control': 'no-store' }],
    ['a cookie', { ...FRESH, 'Set-Cookie': 'a=b' }],
    ['credentials', FRESH, { Authorization: 'Basic YTpi' }],
    ['no part of the key', FRESH, { 'X-Original-URL': '/evil' }],
    ['another length', { ...FRESH, 'Content-Range': 'bytes 0-5/10' }],
  ]
  for (const [name, headers, request = {}] of rows) {
    const path = `/${name.replaceAll(' ', '-')}`
    site.reply = (_request, response) => {
      response.writeHead(206, { 'Content-Range': 'bytes 0-4/10', 'Content-Length': '5', ...headers }).end('01234')
    }
    await part(site, '0-4', request, path)
    site.reply = ranges()
    t.match(await part(site, '0-1', {}, path), /MISS$/, name)
  }
  site.reply = (request, response, number) => {
    response.setHeader('Vary', 'Cookie')
    ranges({ ...FRESH, ETag: `"${request.headers.cookie}"` })(request, response, number)
  }
  await part(site, '0-4', { Cookie: 'a' }, '/vary')
  t.equal(await part(site, '0-4', { Cookie: 'b' }, '/vary'), '206 01234 MISS')
  t.equal(await part(site, '0-4', { Cookie: 'a' }, '/vary'), '206 01234 HIT')
})
