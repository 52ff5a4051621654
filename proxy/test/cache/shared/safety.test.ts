import t from 'tap'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import { fields, HOST, startSite } from './site.ts'

const FRESH = { 'Cache-Control': 'max-age=60' }

await t.test('a cookie that the app sets is never sent to another visitor', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ ...FRESH, 'Set-Cookie': 'session=1' })
  t.equal((await site.ask('/a')).text, 'body 1')
  t.equal((await site.ask('/a')).text, 'body 2', 'not stored')
  site.reply = fields({ 'Cache-Control': 'public, max-age=60', 'Set-Cookie': 'session=1' })
  t.strictSame((await site.ask('/b')).headers['set-cookie'], ['session=1'], 'its own visitor gets it')
  const second = await site.ask('/b')
  t.match(second, { text: 'body 3', headers: { 'blot-cache': 'HIT' } })
  t.equal(second.headers['set-cookie'], undefined)
})

await t.test('an answer to credentials is for who sent them', async (t) => {
  const site = await startSite(t)
  const credentials = { Authorization: 'Basic YTpi' }
  site.reply = fields(FRESH)
  t.equal((await site.ask('/a', credentials)).text, 'body 1')
  t.equal((await site.ask('/a')).text, 'body 2', 'nobody else gets it')
  t.equal((await site.ask('/a', credentials)).text, 'body 3', 'nor does he get what is for others')
  site.reply = fields({ 'Cache-Control': 'public, max-age=60' })
  t.equal((await site.ask('/b', credentials)).text, 'body 4')
  t.equal((await site.ask('/b')).text, 'body 4', 'unless the app says so')
})

await t.test('an answer that varies by cookie is for who sent the same', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.setHeader('Vary', 'Cookie')
    response.end(`for ${request.headers.cookie}`)
  }
  for (const cookie of ['user=a', 'user=b', 'user=a', 'user=c']) {
    t.equal((await site.ask('/', { Cookie: cookie })).text, `for ${cookie}`)
  }
  t.equal((await site.ask('/')).text, 'for undefined')
})

await t.test('private and no-store, and fields that are private, are kept from others', async (t) => {
  const site = await startSite(t)
  for (const [index, value] of ['private, max-age=60', 'no-store, max-age=60'].entries()) {
    site.reply = fields({ 'Cache-Control': value })
    const first = await site.ask(`/${index}`)
    t.not((await site.ask(`/${index}`)).text, first.text, value)
  }
  site.reply = fields({ 'Cache-Control': 'max-age=60, private="X-User"', 'X-User': 'a' })
  t.equal((await site.ask('/named')).headers['x-user'], 'a')
  const second = await site.ask('/named')
  t.match(second.headers, { 'blot-cache': 'HIT' })
  t.equal(second.headers['x-user'], undefined)
})

await t.test('what an app says in trouble is stored for nobody', async (t) => {
  const site = await startSite(t)
  const changed = new Date(Date.now() - 1e9).toUTCString()
  const broken: Record<string, string>[] = [
    {},
    { ETag: '"a"' },
    { 'Cache-Control': 'no-store, max-age=60' },
    { 'Cache-Control': 'max-age=0, stale-while-revalidate=60' },
    { Expires: '0' },
    { 'Last-Modified': changed },
    { 'Cache-Control': 'private, max-age=60' },
  ]
  for (const status of [500, 502, 503, 504]) {
    for (const [index, said] of broken.entries()) {
      const path = `/${status}/${index}`
      site.reply = fields(said, status)
      await site.ask(path)
      site.reply = fields(FRESH)
      t.match(
        await site.ask(path),
        { status: 200, headers: { 'blot-cache': 'MISS' } },
        `${path} ${JSON.stringify(said)}`,
      )
    }
  }
  site.reply = fields(FRESH, 429)
  await site.ask('/429')
  site.reply = fields(FRESH)
  t.match(await site.ask('/429'), { status: 200 }, 'RFC 6585 4')
})

await t.test('an error that the app composed is stored as long as it says, at most a minute', async (t) => {
  const site = await startSite(t)
  const said = { 'Cache-Control': 'max-age=3600, stale-while-revalidate=3600', 'Retry-After': '60' }
  site.reply = fields(said, 503)
  t.match(await site.ask('/'), { status: 503, text: 'body 1' })
  t.match(await site.ask('/'), { status: 503, text: 'body 1', headers: { 'blot-cache': 'HIT', 'retry-after': '60' } })
  site.advance(61)
  site.reply = fields(FRESH)
  t.match(await site.ask('/'), { status: 200, text: 'body 2', headers: { 'blot-cache': 'EXPIRED' } })

  site.advance(61)
  site.reply = fields(said, 503)
  t.match(
    await site.ask('/'),
    { status: 200, text: 'body 2', headers: { 'blot-cache': 'STALE' } },
    'a page goes before it',
  )
  site.reply = fields(said, 500)
  await site.ask('/error')
  site.advance(61)
  await site.away()
  t.match(await site.ask('/error'), { status: 502 }, 'an error stands in for nothing')
})

await t.test('whatever is no part of the key keeps its answer from others', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    // An app that believes each of them, and lets itself be turned round.
    const names = [
      'x-forwarded-host',
      'x-host',
      'x-original-url',
      'x-rewrite-url',
      'x-http-method-override',
      'x-forwarded-scheme',
      'x-forwarded-ssl',
      'forwarded',
    ]
    const believed = names.map((name) => request.headers[name]).find((value) => value === 'evil')
    response.end(`links to ${believed ?? request.headers.host}`)
  }
  const poisons = [
    'X-Forwarded-Host',
    'X-Host',
    'X-Original-URL',
    'X_Original_URL',
    'X-Rewrite-URL',
    'X-HTTP-Method-Override',
    'X-Forwarded-Scheme',
    'X-Forwarded-Ssl',
    'Forwarded',
  ]
  for (const name of poisons) {
    await site.ask(`/${name}`, { [name]: 'evil' })
    t.match(await site.ask(`/${name}`), { text: `links to ${HOST}`, headers: { 'blot-cache': 'MISS' } }, name)
  }
  for (const authority of [`${HOST}:1234`, 'A.test', `${HOST}.`]) {
    await site.ask(`/${authority}`, {}, { authority })
    t.match(await site.ask(`/${authority}`), { text: `links to ${HOST}`, headers: { 'blot-cache': 'MISS' } }, authority)
  }
})

await t.test('but what a proxy in front adds to each request does not, where it says what the key says', async (t) => {
  const site = await startSite(t)
  site.reply = fields(FRESH)
  const rows: [name: string, same: string, other: string][] = [
    ['X-Forwarded-Host', HOST, 'b.test'],
    ['X-Forwarded-Port', '80', '443'],
    ['X-Forwarded-Scheme', 'http', 'https'],
    ['X-Forwarded-Protocol', 'http', 'HTTP'],
    ['X-Url-Scheme', 'http', 'ftp'],
    ['X-Forwarded-Ssl', 'off', 'on'],
    ['Front-End-Https', 'off', 'on'],
  ]
  for (const [name, same, other] of rows) {
    t.equal((await site.ask(`/${name}`, { [name]: other })).headers['blot-cache'], 'BYPASS', `${name}: ${other}`)
    t.equal((await site.ask(`/${name}`, { [name]: same })).headers['blot-cache'], 'MISS', `${name}: ${same}`)
    t.equal((await site.ask(`/${name}`)).headers['blot-cache'], 'HIT')
  }
})

await t.test('a head that the app finds too large spoils the page for nobody', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.statusCode = request.rawHeaders.join('').length > 4000 ? 400 : 200
    response.end('x')
  }
  t.equal((await site.ask('/', { 'X-Large': 'x'.repeat(9000) })).status, 400)
  t.match(await site.ask('/'), { status: 200, headers: { 'blot-cache': 'MISS' } })
})

await t.test('a GET with a body is for its sender: neither stored, nor answered from what is stored', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response, number) => {
    response.setHeader('Cache-Control', 'max-age=60')
    void text(request).then((body) => response.end(`${number} ${body}`))
  }
  t.equal((await site.ask('/a', { 'Content-Length': '4' }, { body: 'evil' })).text, '1 evil')
  t.equal((await site.ask('/a')).text, '2 ')
  t.equal((await site.ask('/a', { 'Content-Length': '4' }, { body: 'mine' })).text, '3 mine')
  t.match(await site.ask('/a'), { text: '2 ', headers: { 'blot-cache': 'HIT' } })
})

await t.test('a parameter that is cloaked is part of the key like any other byte', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.end(request.url)
  }
  const targets = ['/?a=1', '/?a=1;b=2', '/?a=1&b=2', '/?a=1%26b=2', '/?b=2&a=1', '/?A=1', '/?a=1&', '//?a=1', '/?']
  for (const target of [...targets, ...targets]) t.equal((await site.ask(target)).text, target)
  t.equal(site.asked.length, targets.length)
})

await t.test('lines of a field that Vary names count all of them, as the app sees them', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.setHeader('Vary', 'User-Agent')
    response.end(request.rawHeaders.filter((_, index, all) => all[index - 1]?.toLowerCase() === 'user-agent').join('+'))
  }
  const raw = async (lines: string): Promise<string> => {
    const socket = connect(site.edge, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n${lines}Connection: close\r\n\r\n`)
    return (await text(socket)).split('\r\n\r\n')[1] ?? ''
  }
  t.match(await raw('User-Agent: a\r\nUser-Agent: evil\r\n'), 'evil')
  t.notMatch(await raw('User-Agent: a\r\n'), 'evil')
})

await t.test('a body that the app cuts is stored for nobody', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response, number) => {
    response.setHeader('Cache-Control', 'max-age=60')
    if (number > 1) {
      response.end('whole')
      return
    }
    response.write('half')
    setImmediate(() => response.destroy())
  }
  const request = httpRequest({ port: site.edge, path: '/', headers: { host: HOST } }).end()
  const [answer] = await once(request, 'response')
  await t.rejects(text(answer))
  t.match(await site.ask('/'), { text: 'whole', headers: { 'blot-cache': 'MISS' } })
})

await t.test('the answer to a HEAD gives nothing of one visitor to the others', async (t) => {
  const site = await startSite(t)
  const secrets = { 'Set-Cookie': 'session=1', 'X-User': 'a' }
  const said = { 'Cache-Control': 'public, max-age=60, private="X-User"', ETag: '"a"' }
  const head = (path: string, headers: Record<string, string> = {}): Promise<unknown> =>
    site.ask(path, headers, { method: 'HEAD' })
  const stale = async (path: string): Promise<void> => {
    site.reply = fields({ ...said })
    await site.ask(path)
    site.advance(61)
  }

  await stale('/cookie')
  site.reply = fields({ ...said, ...secrets })
  await head('/cookie')
  const updated = await site.ask('/cookie')
  t.match(updated.headers, { 'blot-cache': 'HIT', 'x-number': '2' }, 'what is for all is updated')
  t.equal(updated.headers['set-cookie'], undefined)
  t.equal(updated.headers['x-user'], undefined)

  const own: [name: string, request: Record<string, string>, answer: Record<string, string>][] = [
    ['credentials', { Authorization: 'Basic YTpi' }, said],
    ['a field that is no part of the key', { 'X-Original-URL': '/evil' }, said],
    ['no-store', { 'Cache-Control': 'no-store' }, said],
    ['private', {}, { ...said, 'Cache-Control': 'private, max-age=60' }],
    ['other fields that select', {}, { ...said, Vary: 'Cookie' }],
  ]
  for (const [name, request, answer] of own) {
    const path = `/${name.replaceAll(' ', '-')}`
    await stale(path)
    site.reply = fields({ ...answer, 'X-Evil': '1' })
    await head(path, request)
    site.reply = fields(said)
    const next = await site.ask(path)
    t.equal(next.headers['x-evil'], undefined, name)
    t.equal(next.headers['blot-cache'], 'EXPIRED', name)
  }
})

await t.test('a 304 that is for one visitor ends what is stored, and goes to nobody else', async (t) => {
  const site = await startSite(t)
  for (const [index, forbidden] of [
    { 'Cache-Control': 'private, max-age=60' },
    { 'Cache-Control': 'no-store' },
    { 'Cache-Control': 'max-age=60', Vary: 'Cookie' },
  ].entries()) {
    const path = `/${index}`
    site.reply = fields({ 'Cache-Control': 'max-age=60', ETag: '"a"' })
    await site.ask(path)
    site.advance(61)
    site.reply = (request, response, number) => {
      for (const [name, value] of Object.entries(forbidden)) response.setHeader(name, value)
      if (request.headers['if-none-match'] === undefined) response.end(`for ${request.headers.cookie} ${number}`)
      else response.writeHead(304).end()
    }
    const first = await site.ask(path, { Cookie: 'a' })
    t.match(first.text, /^for a/, JSON.stringify(forbidden))
    t.match((await site.ask(path, { Cookie: 'b' })).text, /^for b/)
  }
})

await t.test(
  'nor does a HEAD, or a 304, of a visitor with a cookie, where the app does not say for how long',
  async (t) => {
    const site = await startSite(t)
    const said = { 'Last-Modified': new Date(Date.now() - 1e8).toUTCString(), ETag: '"a"' }
    for (const method of ['HEAD', 'GET']) {
      for (const lifetime of ['', 'max-age=60']) {
        const path = `/${method}/${lifetime}`
        const all: Record<string, string> = { ...said, ...(lifetime !== '' && { 'Cache-Control': lifetime }) }
        site.reply = fields(all)
        await site.ask(path)
        site.advance(100_000)
        site.reply = (request, response) => {
          for (const [name, value] of Object.entries({ ...all, 'X-User': 'a' })) response.setHeader(name, value)
          response.writeHead(request.headers['if-none-match'] === undefined ? 200 : 304).end()
        }
        await site.ask(path, { Cookie: 'user=a' }, { method })
        const { headers } = await site.ask(path)
        t.equal(headers['blot-cache'], 'HIT', `${path} is renewed`)
        t.equal(headers['x-user'], lifetime === '' ? undefined : 'a', path)
      }
    }
  },
)

await t.test('a field that Connection names does not reach the app, so that it selects nothing', async (t) => {
  const site = await startSite(t)
  site.reply = (request, response) => {
    response.setHeader('Cache-Control', 'max-age=60')
    response.setHeader('Vary', 'Accept-Language')
    response.end(`in ${request.headers['accept-language']}`)
  }
  const german = { 'Accept-Language': 'de' }
  t.equal((await site.ask('/', { ...german, Connection: 'close, Accept-Language' })).text, 'in undefined')
  t.match(await site.ask('/', german), { text: 'in de', headers: { 'blot-cache': 'MISS' } })
  t.match(await site.ask('/', { ...german, Connection: 'close' }), { headers: { 'blot-cache': 'HIT' } })
})

await t.test('what was made for a visitor with a cookie is shared only if the app says for how long', async (t) => {
  const site = await startSite(t)
  const cookie = { Cookie: 'user=a' }
  site.reply = fields({ 'Last-Modified': new Date(Date.now() - 1e9).toUTCString(), ETag: '"a"' })
  t.equal((await site.ask('/guess', cookie)).text, 'body 1')
  t.equal((await site.ask('/guess')).text, 'body 2', 'not by a guess')
  await site.ask('/for-all')
  t.equal((await site.ask('/for-all', cookie)).headers['blot-cache'], 'HIT', 'what was made for nobody is for him too')
  site.reply = fields(FRESH)
  await site.ask('/said', cookie)
  t.equal((await site.ask('/said')).headers['blot-cache'], 'HIT')
})
