import t from 'tap'
import { until } from '../fixture.ts'
import { fields, startSite, type Site } from './site.ts'

/** What a stranger asks for costs nobody else what is stored, or what could be. */

const FRESH = { 'Cache-Control': 'max-age=60' }
const CREDENTIALS = { Authorization: 'Basic YTpi' }

async function stateOf(site: Site, path: string, headers: Record<string, string> = {}): Promise<unknown> {
  return (await site.ask(path, headers)).headers['blot-cache']
}

await t.test('credentials end nothing that is stored for others, and keep nothing from being stored', async (t) => {
  for (const disk of [false, true]) {
    const site = await startSite(t, { disk })
    site.reply = fields(FRESH)
    await site.ask('/stored')
    await site.ask('/stored', CREDENTIALS)
    t.equal(await stateOf(site, '/stored'), 'HIT')
    await site.ask('/new', CREDENTIALS)
    t.equal(await stateOf(site, '/new'), 'MISS')
    t.equal(await stateOf(site, '/new'), 'HIT')
    t.equal(await stateOf(site, '/new', CREDENTIALS), 'EXPIRED', 'still for those who bring none')
  }
})

await t.test('nor does a cookie, where the app says nothing of its answer', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Last-Modified': new Date(Date.now() - 1e9).toUTCString() })
  const cookie = { Cookie: 'user=a' }
  await site.ask('/stored')
  await site.ask('/stored', { ...cookie, 'Cache-Control': 'no-cache' })
  t.equal(await stateOf(site, '/stored'), 'HIT')
  await site.ask('/new', cookie)
  await site.ask('/new')
  t.equal(await stateOf(site, '/new'), 'HIT')
})

await t.test('a stale answer is renewed for all, whoever is shown it first', async (t) => {
  const site = await startSite(t)
  site.reply = fields({ 'Cache-Control': 'max-age=60, stale-while-revalidate=60' })
  const rows: [name: string, headers: Record<string, string>, method: string, renews: boolean][] = [
    ['HEAD', {}, 'HEAD', true],
    ['no-store', { 'Cache-Control': 'no-store' }, 'GET', false],
    ['a part', { Range: 'bytes=0-1' }, 'GET', true],
  ]
  for (const [name, headers, method, renews] of rows) {
    const path = `/${method}/${name.length}`
    await site.ask(path)
    site.advance(61)
    const before = site.asked.length
    t.equal((await site.ask(path, headers, { method })).headers['blot-cache'], 'UPDATING', name)
    if (renews) {
      await until(t, 'the app is asked', () => site.asked.length === before + 1)
      t.equal(site.asked.at(-1)?.method, 'GET')
    }
    t.not(await stateOf(site, path), 'MISS', `${name}: it is still there`)
    for (let i = 0; i < 2000 && (await stateOf(site, path)) !== 'HIT'; i++) await new Promise(setImmediate)
    t.equal(await stateOf(site, path), 'HIT', name)
  }
})

await t.test('an app that was in trouble a moment ago is asked once for a crowd', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response) => void response.writeHead(503).end()
  await site.ask('/')
  site.reply = fields(FRESH)
  await site.ask('/')
  t.equal(await stateOf(site, '/'), 'HIT')
})

await t.test('what varies by who asks is for nobody else', async (t) => {
  const site = await startSite(t)
  for (const name of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'X-Request-ID']) {
    site.reply = fields({ ...FRESH, Vary: `Accept, ${name}` })
    await site.ask(`/${name}`)
    t.match(await site.ask(`/${name}`), { headers: { 'blot-cache': 'MISS' } }, name)
  }
  site.reply = fields({ ...FRESH, Vary: 'X-Forwarded-Proto' })
  await site.ask('/scheme')
  t.equal(await stateOf(site, '/scheme'), 'HIT', 'the scheme is in the key')
})

await t.test('queries that strangers make up do not fill the memory with what the app says of each', async (t) => {
  const memoryBytes = 1_000_000
  const tags = Array.from({ length: 100 }, (_, number) => `post:${number}`).join(', ')
  const rows: [headers: Record<string, string>, bytesOfEach: number][] = [
    [{ 'Cache-Tag': tags }, 30_000],
    [{ 'Content-Security-Policy': 'x'.repeat(10_000) }, 14_000],
  ]
  for (const [headers, bytesOfEach] of rows) {
    const site = await startSite(t, { memoryBytes })
    site.reply = fields({ ...FRESH, ...headers })
    for (let number = 0; number < 80; number++) await site.ask(`/?${number}`)
    t.ok(site.entries() > 5 && site.entries() <= memoryBytes / bytesOfEach, `${site.entries()} entries`)
  }
})

await t.test(
  'a list that takes long to read is not read: its sender is asked for alone, or gets the original',
  async (t) => {
    const site = await startSite(t)
    const body = 'a long text. '.repeat(1000)
    site.reply = (_request, response) => response.writeHead(200, { ...FRESH, 'Content-Type': 'text/plain' }).end(body)
    const gzip = { 'Accept-Encoding': 'gzip' }
    const isCoded = async (headers: Record<string, string>): Promise<boolean> =>
      (await site.ask('/', headers)).headers['content-encoding'] === 'gzip'
    for (let i = 0; i < 2000 && !(await isCoded(gzip)); i++) await new Promise(setImmediate)
    t.ok(await isCoded({ 'Accept-Encoding': `${'a,'.repeat(500)}gzip` }))
    t.notOk(await isCoded({ 'Accept-Encoding': `${'a,'.repeat(600)}gzip` }))

    t.equal(await stateOf(site, '/', { 'Cache-Control': 'a,'.repeat(500) }), 'HIT')
    t.equal(await stateOf(site, '/', { 'Cache-Control': 'a,'.repeat(600) }), 'EXPIRED')
    t.equal(await stateOf(site, '/'), 'HIT', 'and ends nothing')
  },
)
