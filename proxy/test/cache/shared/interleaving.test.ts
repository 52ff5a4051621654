import type { ServerResponse } from 'node:http'
import t from 'tap'
import type { Purge } from '../../../src/purge.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { until } from '../fixture.ts'
import { startSite, type Site } from './site.ts'

/** The moments of a fetch at which a purge may come. */
const MOMENTS = ['before', 'asked', 'head', 'body', 'stored'] as const
type Moment = (typeof MOMENTS)[number]

const PURGES: readonly Partial<Purge>[] = [
  { hosts: ['a.test'] },
  { urls: ['//a.test/page?x'] },
  { prefixes: ['//a.test/pa'] },
  { tags: ['post:1'] },
  { everything: true },
]
const OTHERS: readonly Partial<Purge>[] = [
  { hosts: ['b.test'] },
  { urls: ['//a.test/page'] },
  { prefixes: ['//a.test/x'] },
  { tags: ['post:2'] },
]
const HEAD = { 'Cache-Control': 'max-age=600', 'Cache-Tag': 'post:1', ETag: '"v1"', 'Content-Type': 'text/plain' }

/** One fetch, step by step, with a purge at one of its moments. @returns where the next visitor's answer comes from. */
async function fetchWithPurge(
  t: Parameters<typeof until>[0],
  site: Site,
  moment: Moment,
  purge: Partial<Purge>,
): Promise<unknown> {
  const held: ServerResponse[] = []
  site.reply = (_request, response) => void held.push(response)
  const at = async (now: Moment): Promise<unknown> => now === moment && (await site.purge(purge))
  await at('before')
  const visitor = site.ask('/page?x')
  await until(t, 'the app is asked', () => held.length === 1)
  await at('asked')
  held[0]?.writeHead(200, HEAD).write('begin')
  // A second visitor is joined to the answer once its head is here.
  await at('head')
  held[0]?.write(' middle')
  await at('body')
  held[0]?.end(' end')
  t.equal((await visitor).text, 'begin middle end', 'the visitor who waits gets it all')
  await at('stored')
  site.reply = (_request, response) => response.writeHead(200, HEAD).end('new')
  return (await site.ask('/page?x')).headers['blot-cache']
}

await t.test('no fetch begun before a purge is stored after it, whenever the purge comes', async (t) => {
  for (const disk of [false, true]) {
    for (const purge of PURGES) {
      for (const moment of MOMENTS) {
        const site = await startSite(t, { disk, cacheDirectory: temporaryDirectory(t) })
        const expected = moment === 'before' ? 'HIT' : 'MISS'
        t.equal(
          await fetchWithPurge(t, site, moment, purge),
          expected,
          `${Object.keys(purge)[0]} ${moment} ${disk ? 'disk' : ''}`,
        )
      }
    }
  }
})

await t.test('a purge of something else keeps nothing out', async (t) => {
  for (const purge of OTHERS) {
    for (const moment of MOMENTS) {
      t.equal(await fetchWithPurge(t, await startSite(t), moment, purge), 'HIT', `${Object.keys(purge)[0]} ${moment}`)
    }
  }
})

await t.test('nor is a confirmation that was begun before a purge', async (t) => {
  for (const purge of PURGES) {
    const site = await startSite(t)
    site.reply = (_request, response) => response.writeHead(200, HEAD).end('old')
    await site.ask('/page?x')
    site.advance(601)
    const held: ServerResponse[] = []
    site.reply = (request, response) => {
      if (request.headers['if-none-match'] === undefined) response.writeHead(200, HEAD).end('new')
      else held.push(response)
    }
    const visitor = site.ask('/page?x')
    await until(t, 'the app is asked', () => held.length === 1)
    await site.purge(purge)
    held[0]?.writeHead(304, HEAD).end()
    t.equal((await visitor).text, 'new', 'asked again')
    t.equal((await site.ask('/page?x')).text, 'new')
  }
})

await t.test('nor is what comes of asking while a stale answer was sent', async (t) => {
  for (const status of [200, 304]) {
    for (const purge of PURGES) {
      const site = await startSite(t)
      const stale = { ...HEAD, 'Cache-Control': 'max-age=600, stale-while-revalidate=600' }
      site.reply = (_request, response) => response.writeHead(200, stale).end('old')
      await site.ask('/page?x')
      site.advance(601)
      const held: ServerResponse[] = []
      let again = 0
      site.reply = (request, response) => {
        if (request.headers['if-none-match'] !== undefined) held.push(response)
        else response.writeHead(200, HEAD).end(`asked again ${++again}`)
      }
      t.match(await site.ask('/page?x'), { text: 'old', headers: { 'blot-cache': 'UPDATING' } })
      await until(t, 'the app is asked', () => held.length === 1)
      await site.purge(purge)
      held[0]?.writeHead(status, HEAD).end(status === 200 ? 'from before' : undefined)
      if (status === 304) await until(t, 'it confirms nothing that is there', () => again === 1)
      t.match(
        await site.ask('/page?x'),
        { text: /^asked again/, headers: { 'blot-cache': 'MISS' } },
        JSON.stringify(purge),
      )
    }
  }
})

await t.test('nor does a HEAD say anything of what has been stored since it was sent', async (t) => {
  for (const purge of [...PURGES, undefined]) {
    const site = await startSite(t)
    const held: ServerResponse[] = []
    site.reply = (request, response) => {
      if (request.method === 'HEAD') held.push(response)
      else response.writeHead(200, { ...HEAD, 'X-State': 'new' }).end('new')
    }
    const visitor = site.ask('/page?x', {}, { method: 'HEAD' })
    await until(t, 'the app is asked', () => held.length === 1)
    if (purge !== undefined) await site.purge(purge)
    site.advance(1)
    await site.ask('/page?x')
    held[0]?.writeHead(200, { ...HEAD, 'X-State': 'old' }).end()
    t.equal((await visitor).headers['x-state'], 'old')
    t.match((await site.ask('/page?x')).headers, { 'blot-cache': 'HIT', 'x-state': 'new' }, JSON.stringify(purge))
  }
})

await t.test('the answer to a HEAD is as old as its question (RFC 9111 4.2.3)', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response) => response.writeHead(200, HEAD).end('page')
  await site.ask('/page?x')
  site.advance(601)
  const held: ServerResponse[] = []
  site.reply = (_request, response) => void held.push(response)
  const visitor = site.ask('/page?x', {}, { method: 'HEAD' })
  await until(t, 'the app is asked', () => held.length === 1)
  site.advance(30)
  held[0]?.writeHead(200, { ...HEAD, Date: 'unknown', 'Content-Length': '4' }).end()
  await visitor
  const { headers } = await site.ask('/page?x')
  t.equal(headers['blot-cache'], 'HIT')
  t.ok(Number(headers['age']) >= 30, String(headers['age']))
})

await t.test('who comes after a purge is not joined to a question from before it', async (t) => {
  const site = await startSite(t)
  const held: ServerResponse[] = []
  site.reply = (_request, response) => void held.push(response)
  const before = site.ask('/page?x')
  await until(t, 'the app is asked', () => held.length === 1)
  await site.purge({ hosts: ['a.test'] })
  const after = site.ask('/page?x')
  await until(t, 'again', () => held.length === 2)
  held[1]?.writeHead(200, HEAD).end('new')
  held[0]?.writeHead(200, HEAD).end('old')
  t.equal((await after).text, 'new')
  t.equal((await before).text, 'old')
  t.match(await site.ask('/page?x'), { text: 'new', headers: { 'blot-cache': 'HIT' } })
})

await t.test('an invalidation by an unsafe request keeps out what was asked before it', async (t) => {
  const site = await startSite(t)
  const held: ServerResponse[] = []
  site.reply = (request, response) => {
    if (request.method === 'POST') response.end()
    else held.push(response)
  }
  const before = site.ask('/page?x')
  await until(t, 'the app is asked', () => held.length === 1)
  await site.ask('/page?x', {}, { method: 'POST' })
  held[0]?.writeHead(200, HEAD).end('old')
  await before
  site.reply = (_request, response) => response.writeHead(200, HEAD).end('new')
  t.equal((await site.ask('/page?x')).text, 'new')
})

await t.test('a copy that is being compressed while its answer is purged does not come back', async (t) => {
  const site = await startSite(t)
  const body = 'a long text. '.repeat(20_000)
  site.reply = (_request, response) => response.writeHead(200, HEAD).end(body)
  await site.ask('/page?x')
  const copied = async (): Promise<boolean> =>
    (await site.ask('/page?x', { 'Accept-Encoding': 'br' })).headers['content-encoding'] === 'br'
  await copied()
  await site.purge({ hosts: ['a.test'] })
  t.equal(site.entries(), 0)
  t.notOk(await copied(), 'stored anew, without copies yet')
  for (let i = 0; i < 2000 && !(await copied()); i++) await new Promise(setImmediate)
  t.ok(await copied())
  const found = await site.ask('/page?x', { 'Accept-Encoding': 'gzip' })
  t.match(found.headers, { 'content-encoding': 'gzip', etag: 'W/"v1"', vary: 'Accept-Encoding' })
  t.match((await site.ask('/page?x')).headers, { etag: '"v1"' })
  t.equal((await site.ask('/page?x', { 'If-None-Match': 'W/"v1"', 'Accept-Encoding': 'br' })).status, 304)
})
