import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { until } from '../fixture.ts'
import { HOST, startSite, type Site } from './site.ts'

const FRESH = { 'Cache-Control': 'max-age=60' }

/** Visitors who have all asked, and wait. */
function crowd(site: Site, count: number, path = '/', headers: Record<string, string> = {}): Promise<string>[] {
  return Array.from({ length: count }, async () => (await site.ask(path, headers)).text)
}

/** An app whose answers are the test's to give, one by one. */
function heldReplies(site: Site): ServerResponse[] {
  const held: ServerResponse[] = []
  site.reply = (_request, response) => void held.push(response)
  return held
}

async function begin(site: Site, path = '/'): Promise<{ answer: Promise<IncomingMessage>; leave: () => void }> {
  const request = httpRequest({ port: site.edge, path, headers: { host: HOST }, agent: false }).end()
  request.on('error', () => {})
  const answer = once(request, 'response').then(([response]) => response as IncomingMessage)
  answer.catch(() => undefined)
  return { answer, leave: () => request.destroy() }
}

await t.test('a crowd that asks at once is one question to the app', async (t) => {
  const site = await startSite(t)
  const held = heldReplies(site)
  const visitors = crowd(site, 50)
  await until(t, 'the app is asked', () => held.length > 0)
  await until(t, 'all have come', () => held[0]?.writableEnded === false)
  held[0]?.writeHead(200, FRESH).end('for all')
  t.strictSame(new Set(await Promise.all(visitors)), new Set(['for all']))
  t.equal(site.asked.length, 1)
})

await t.test('a thousand visitors of a page that has just expired are one question', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response) => response.writeHead(200, FRESH).end('old')
  await site.ask('/')
  site.advance(61)
  const held = heldReplies(site)
  const visitors = crowd(site, 1000)
  await until(t, 'the app is asked', () => held.length > 0)
  held[0]?.writeHead(200, FRESH).end('new')
  t.strictSame(new Set(await Promise.all(visitors)), new Set(['new']))
  t.equal(site.asked.length, 2, 'one for the page, one for the crowd')
})

await t.test('those who wait are streamed to as it arrives, also who comes in the middle', async (t) => {
  const site = await startSite(t)
  const held = heldReplies(site)
  const first = await begin(site)
  await until(t, 'the app is asked', () => held.length > 0)
  held[0]?.writeHead(200, FRESH).write('begin ')
  const firstAnswer = await first.answer
  const second = await (await begin(site)).answer
  const chunk = String((await once(second, 'data'))[0])
  t.equal(chunk, 'begin ', 'before the end is there')
  second.pause()
  held[0]?.end('end')
  t.equal(await text(firstAnswer), 'begin end')
  t.equal(await text(second), 'end')
  t.equal(site.asked.length, 1)
})

await t.test('an answer for one visitor alone: the others ask on their own', async (t) => {
  const site = await startSite(t)
  const held = heldReplies(site)
  const visitors = crowd(site, 5)
  await until(t, 'the app is asked', () => held.length === 1)
  held[0]?.writeHead(200, { 'Cache-Control': 'private' }).end('one')
  await until(t, 'by everybody', () => held.length === 5)
  for (const [index, response] of held.entries()) if (index > 0) response.end(`own ${index}`)
  t.equal(new Set(await Promise.all(visitors)).size, 5)
})

await t.test('after that, nobody waits for another one for a while', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response) => response.writeHead(200, { 'Cache-Control': 'private' }).end()
  await site.ask('/')
  const held = heldReplies(site)
  const visitors = crowd(site, 3)
  await until(t, 'all are asked for at once', () => held.length === 3)
  for (const response of held) response.end()
  await Promise.all(visitors)
})

await t.test('an answer for another selection: asked for again, and shared by those who select alike', async (t) => {
  const site = await startSite(t)
  const held: [IncomingMessage, ServerResponse][] = []
  site.reply = (request, response) => void held.push([request, response])
  const visitors = ['de', 'en', 'en', 'en'].map((language) => site.ask('/', { 'Accept-Language': language }))
  await until(t, 'the app is asked', () => held.length === 1)
  const answer = ([request, response]: [IncomingMessage, ServerResponse]): void => {
    response.writeHead(200, { ...FRESH, Vary: 'Accept-Language' }).end(request.headers['accept-language'])
  }
  answer(held[0] as [IncomingMessage, ServerResponse])
  await until(t, 'again', () => held.length > 1)
  for (const one of held.slice(1)) answer(one)
  t.strictSame(
    (await Promise.all(visitors)).map(({ text: body }) => body),
    ['de', 'en', 'en', 'en'],
  )
  t.ok(site.asked.length <= 3, `${site.asked.length} questions`)
})

await t.test('the first visitor leaves: it goes on for the others', async (t) => {
  const site = await startSite(t)
  const held = heldReplies(site)
  const first = await begin(site)
  await until(t, 'the app is asked', () => held.length > 0)
  const second = crowd(site, 1)
  held[0]?.writeHead(200, FRESH).write('begin ')
  ;(await first.answer).resume()
  first.leave()
  const third = await (await begin(site)).answer
  held[0]?.end('end')
  t.equal(await text(third), 'begin end')
  t.strictSame(await Promise.all(second), ['begin end'])
  t.match((await site.ask('/')).headers, { 'blot-cache': 'HIT' })
})

await t.test('everybody leaves before there is an answer: the app is let go', async (t) => {
  const site = await startSite(t)
  const held = heldReplies(site)
  const visitor = await begin(site)
  await until(t, 'the app is asked', () => held.length > 0)
  visitor.leave()
  await until(t, 'its connection is closed', () => held[0]?.destroyed === true)
})

await t.test('a body that is too large to be stored passes through, for everybody who came in time', async (t) => {
  const site = await startSite(t)
  const size = 12 * 1024 * 1024
  site.reply = (_request, response) => {
    response.writeHead(200, FRESH)
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const write = (left: number): void => {
      if (left === 0) response.end()
      else response.write(chunk, () => write(left - chunk.length))
    }
    write(size)
  }
  const bodies = await Promise.all([site.ask('/'), site.ask('/')])
  for (const { body } of bodies) t.equal(body.length, size)
  t.equal(site.entries(), 0)
})

await t.test('a reader who is slow holds up the source of a body that is not kept, and nobody’s memory', async (t) => {
  const site = await startSite(t)
  let sent = 0
  site.reply = (_request, response) => {
    response.writeHead(200, FRESH)
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const write = (): void => {
      if (response.destroyed) return
      sent += chunk.length
      if (response.write(chunk)) setImmediate(write)
      else response.once('drain', write)
    }
    write()
  }
  const slow = await (await begin(site)).answer
  slow.pause()
  let before = -1
  await until(t, 'the app is held up', () => {
    const isStill = sent === before && sent > 9 * 1024 * 1024
    before = sent
    return isStill
  })
  t.ok(sent < 40 * 1024 * 1024, `${sent} bytes`)
  slow.destroy()
})
