import t from 'tap'
import { fields, startSite } from './site.ts'

await t.test('what is fresh is stored and sent to others, with its age', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"', 'Content-Type': 'text/plain' })
  const first = await site.ask('/page')
  t.match(first, { status: 200, text: 'body 1', headers: { 'blot-cache': 'MISS' } })
  site.advance(20)
  const second = await site.ask('/page')
  t.match(second, { status: 200, text: 'body 1', headers: { 'blot-cache': 'HIT', etag: '"a"', 'x-number': '1' } })
  t.ok(Math.abs(Number(second.headers.age) - 20) <= 1, `age ${second.headers.age}`)
  t.equal(second.headers.date, first.headers.date)
  t.equal((await site.ask('/page?x=1')).text, 'body 2', 'a query is another answer')
  t.equal((await site.ask('/page', {}, { host: 'b.test' })).text, 'body 3', 'another host too')
  site.advance(41)
  t.equal((await site.ask('/page')).headers['blot-cache'], 'EXPIRED')
})

await t.test('what the edge says of each answer, it says alone', async (t) => {
  const site = await startSite(t)
  const own = { 'X-Content-Type-Options': 'nosniff', 'Blot-Cache': 'x', 'Blot-Server': 'x', 'Alt-Svc': 'h3=":443"' }
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"', ...own, 'Blot-Upstream': 'x', 'Cache-Status': 'x' })
  await site.ask('/')
  for (const headers of [{}, { 'If-None-Match': '"a"' }, { Range: 'bytes=0-1' }]) {
    const hit = await site.ask('/', headers)
    t.match(hit.headers, { 'x-content-type-options': 'nosniff', 'blot-cache': 'HIT', 'blot-server': 'blot-edge' })
    t.match(hit.headers['cache-status'], /^blot-edge; hit/)
    for (const name of ['alt-svc', 'blot-upstream']) t.equal(hit.headers[name], undefined, name)
  }
})

await t.test('conditions and ranges are answered from what is stored', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"', 'Content-Type': 'text/plain' })
  t.equal((await site.ask('/page')).status, 200)
  const same = await site.ask('/page', { 'If-None-Match': 'W/"a"' })
  t.match(same, { status: 304, text: '', headers: { etag: '"a"', 'cache-control': 'max-age=60' } })
  t.match(await site.ask('/page', { 'If-None-Match': '"b"' }), { status: 200, text: 'body 1' })
  const part = await site.ask('/page', { Range: 'bytes=0-3', 'If-Range': '"a"' })
  t.match(part, { status: 206, text: 'body', headers: { 'content-range': 'bytes 0-3/6' } })
  t.equal((await site.ask('/page', {}, { method: 'HEAD' })).headers['blot-cache'], 'HIT')
  t.equal(site.asked.length, 1)
})

await t.test('a visitor who has it already is told so, though it has to be asked for', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"' })
  t.equal((await site.ask('/page', { 'If-None-Match': '"a"' })).status, 304)
  t.equal(site.asked[0]?.headers['if-none-match'], undefined, 'the app is asked for the whole')
  t.match(await site.ask('/page'), { status: 200, text: 'body 1', headers: { 'blot-cache': 'HIT' } })
})

await t.test('a stale answer is confirmed with its validators, and fresh again with the new head', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.setHeader('ETag', '"a"')
    response.setHeader('X-Version', String(number))
    if (request.headers['if-none-match'] === '"a"') response.writeHead(304).end()
    else response.end('whole')
  }
  await site.ask('/page')
  site.advance(61)
  t.match(await site.ask('/page'), {
    status: 200,
    text: 'whole',
    headers: { 'blot-cache': 'REVALIDATED', 'x-version': '2' },
  })
  t.match(await site.ask('/page'), { text: 'whole', headers: { 'blot-cache': 'HIT', 'x-version': '2' } })
  t.equal(site.asked.length, 2)
})

await t.test(
  'stale-while-revalidate: the visitor waits for nothing, and the next one gets the new answer',
  async (t) => {
    const site = await startSite(t)
    site.reply = fields({ 'Cache-Control': 'max-age=60, stale-while-revalidate=60' })
    await site.ask('/page')
    site.advance(61)
    t.match(await site.ask('/page'), { text: 'body 1', headers: { 'blot-cache': 'UPDATING' } })
    let next = await site.ask('/page')
    for (let i = 0; i < 200 && next.headers['blot-cache'] !== 'HIT'; i++) next = await site.ask('/page')
    t.match(next, { text: 'body 2', headers: { 'blot-cache': 'HIT' } })
    t.equal(site.asked.length, 2, 'one revalidation for all')
  },
)

await t.test('while the app is away or in trouble, what is stored stands in', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60' })
  await site.ask('/page')
  site.advance(61)
  site.reply = fields({}, 503)
  t.match(await site.ask('/page'), { status: 200, text: 'body 1', headers: { 'blot-cache': 'STALE' } })
  await site.away()
  t.match(await site.ask('/page'), { status: 200, text: 'body 1', headers: { 'blot-cache': 'STALE' } })
  t.equal((await site.ask('/other')).status, 502)
  await site.back()
  site.reply = fields({ 'Cache-Control': 'max-age=60, must-revalidate' })
  t.notMatch((await site.ask('/page')).text, 'body 1')
  site.advance(61)
  await site.away()
  t.equal((await site.ask('/page')).status, 504, 'unless the app forbids it')
})

await t.test('only-if-cached is answered 504 without asking', async (t) => {
  const site = await startSite(t)
  t.equal((await site.ask('/page', { 'Cache-Control': 'only-if-cached' })).status, 504)
  t.equal(site.asked.length, 0)
})

await t.test('variants: one for what the request says in the fields of Vary', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', Vary: 'Accept-Language' })
  t.equal((await site.ask('/', { 'Accept-Language': 'de' })).text, 'body 1')
  t.equal((await site.ask('/', { 'Accept-Language': 'en' })).text, 'body 2')
  t.equal((await site.ask('/', { 'Accept-Language': 'DE' })).text, 'body 1')
  t.equal((await site.ask('/', { 'Accept-Language': 'en' })).text, 'body 2')
  t.equal((await site.ask('/')).text, 'body 3')
})

await t.test('an unsafe request that succeeds invalidates what it is about', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', Location: '/list' })
  for (const path of ['/page', '/list', '/other']) await site.ask(path)
  await site.ask('/page', {}, { method: 'POST', body: 'x' })
  for (const [path, state] of [
    ['/page', 'MISS'],
    ['/list', 'MISS'],
    ['/other', 'HIT'],
  ] as const) {
    t.equal((await site.ask(path)).headers['blot-cache'], state, path)
  }
  site.reply = fields({}, 404)
  await site.ask('/page', {}, { method: 'POST' })
  t.equal((await site.ask('/page')).headers['blot-cache'], 'HIT', 'a failure changes nothing')
})

await t.test('the answer to a POST that says it is what is there now answers a GET', async (t) => {
  const site = await startSite(t)
  const post = (path: string, headers: Record<string, string> = {}) =>
    site.ask(path, headers, { method: 'POST', body: 'x' })
  site.reply = fields({ 'Cache-Control': 'max-age=60', 'Content-Location': '/page' })
  await site.ask('/page')
  t.equal((await post('/page')).text, 'body 2')
  t.match(await site.ask('/page'), { text: 'body 2', headers: { 'blot-cache': 'HIT' } })
  t.equal((await post('/page')).text, 'body 3', 'no POST is answered from what is stored')
  t.equal((await site.ask('/page')).text, 'body 3')
  t.equal((await post('/other')).text, 'body 4')
  t.equal((await site.ask('/other')).text, 'body 5', 'it is about another URI')
  await post('/page', { 'X-Original-URL': '/evil' })
  t.match(
    await site.ask('/page'),
    { text: 'body 7', headers: { 'blot-cache': 'MISS' } },
    'not by what is no part of the key',
  )
  site.reply = fields({ 'Cache-Control': 'max-age=60', 'Content-Location': '/page', 'Set-Cookie': 'a=b' })
  t.strictSame((await post('/page')).headers['set-cookie'], ['a=b'])
  t.equal((await site.ask('/page')).text, 'body 9', 'nor what sets a cookie')
})

await t.test('a purge while a POST is under way wins', async (t) => {
  const site = await startSite(t)
  const said = { 'Cache-Control': 'max-age=60', 'Content-Location': '/page' }
  site.reply = (request, response, number) => {
    if (request.method === 'GET') response.writeHead(200, said).end(`body ${number}`)
    else void site.purge({ urls: ['//a.test/page'] }).then(() => response.writeHead(200, said).end(`body ${number}`))
  }
  await site.ask('/page', {}, { method: 'POST', body: 'x' })
  t.match(await site.ask('/page'), { text: 'body 2', headers: { 'blot-cache': 'MISS' } })
})

await t.test('HEAD goes to the app when nothing is fresh, and updates what is stored', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"' })
  await site.ask('/page')
  site.advance(61)
  t.equal((await site.ask('/page', {}, { method: 'HEAD' })).status, 200)
  t.match(await site.ask('/page'), { text: 'body 1', headers: { 'blot-cache': 'HIT' } })
  site.advance(61)
  site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"b"' })
  await site.ask('/page', {}, { method: 'HEAD' })
  t.match(await site.ask('/page'), { text: 'body 4', headers: { 'blot-cache': 'EXPIRED' } })
})

await t.test('what says nothing of its freshness is kept until purged, where the operator wants that', async (t) => {
  const site = await startSite(t, { untilPurged: true })
  site.reply = fields({})
  await site.ask('/page')
  site.advance(1e6)
  t.match(await site.ask('/page'), { text: 'body 1', headers: { 'blot-cache': 'HIT' } })
  await site.purge({ hosts: ['a.test'] })
  t.match(await site.ask('/page'), { text: 'body 2', headers: { 'blot-cache': 'MISS' } })
})

await t.test('what qualifies as a page file is the app’s to keep', async (t) => {
  const site = await startSite(t, { pageFiles: true })
  site.reply = fields({ 'Cache-Control': 'max-age=60' })
  await site.ask('/page')
  t.match(await site.ask('/page'), { text: 'body 2', headers: { 'blot-cache': 'MISS' } })
  await site.ask('/page?x=1')
  t.match(await site.ask('/page?x=1'), { text: 'body 3', headers: { 'blot-cache': 'HIT' } })
})

await t.test('purges by host, URL, prefix and tag; a soft one makes stale', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    response.setHeader('Cache-Control', 'max-age=60, stale-while-revalidate=60')
    response.setHeader('Cache-Tag', `post:${request.url}, all`)
    response.end(`body ${number}`)
  }
  const state = async (path: string): Promise<unknown> => (await site.ask(path)).headers['blot-cache']
  const cases = [
    { hosts: ['a.test'] },
    { urls: ['//a.test/x/page?y'] },
    { prefixes: ['//a.test/x/'] },
    { tags: ['post:/x/page?y'] },
    { everything: true },
  ]
  for (const purge of cases) {
    await site.ask('/x/page?y')
    t.equal(await state('/x/page?y'), 'HIT')
    await site.purge(purge)
    t.equal(await state('/x/page?y'), 'MISS', JSON.stringify(purge))
  }
  t.equal(await state('/x/page?y'), 'HIT')
  await site.purge({ tags: ['all'], soft: true })
  t.equal(await state('/x/page?y'), 'UPDATING')
})
