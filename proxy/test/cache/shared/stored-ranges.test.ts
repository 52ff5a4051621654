import t, { type Test } from 'tap'
import { temporaryDirectory } from '../../integration/edge.ts'
import { pollUntil } from '../../until.ts'
import { startSite, type Site } from './site.ts'

const BODY = Array.from({ length: 500 }, (_, index) => `line ${String(index).padStart(4, '0')}\n`).join('')
const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT'

/** Parts of a stored answer: what is asked for, and what must come. */
async function judge(t: Test, site: Site): Promise<void> {
  const part = async (range: string, more: Record<string, string> = {}) => {
    const { status, text, headers } = await site.ask('/text', { Range: range, ...more })
    return { status, text, range: headers['content-range'], type: headers['content-type'] }
  }
  const first = { status: 206, text: 'line', range: `bytes 0-3/${BODY.length}` }
  t.match(await part('bytes=0-3'), first)
  t.match(await part('bytes=-5'), { status: 206, text: '0499\n' })
  t.match(await part('bytes=4995-'), { status: 206, text: '0499\n' })
  t.match(await part('bytes=9999-'), { status: 416, range: `bytes */${BODY.length}` })
  t.match(await part('bytes=0-3', { 'If-Range': '"v1"' }), first)
  t.match(await part('bytes=0-3', { 'If-Range': MODIFIED }), first)
  for (const other of ['"v2"', 'W/"v1"', 'Fri, 02 Jan 2026 00:00:00 GMT']) {
    t.match(await part('bytes=0-3', { 'If-Range': other }), { status: 200, text: BODY }, other)
  }
  t.match(await part('bytes=0-3', { 'If-None-Match': '"v1"' }), { status: 304, text: '' }, 'conditions come first')
  const several = await part('bytes=0-3,10-13,12-15')
  t.match(several, { status: 206, type: /^multipart\/byteranges; boundary=/ })
  t.match(
    several.text,
    /bytes 0-3\/5000\r\n\r\nline\r\n[^]*bytes 10-15\/5000\r\n\r\nline 0\r\n/,
    'overlapping ones are one',
  )
  const { status, headers } = await site.ask('/text', { Range: 'bytes=0-3' }, { method: 'HEAD' })
  t.match({ status, length: headers['content-length'] }, { status: 200, length: '5000' }, 'a HEAD has no parts')
}

for (const tier of ['memory', 'disk'] as const) {
  await t.test(`any part of a whole answer comes from ${tier}, whatever is asked for`, async (t) => {
    const cacheDirectory = temporaryDirectory(t)
    // Half of what an answer may have to be kept in memory.
    const memoryBytes = tier === 'disk' ? 20_000 : 10_000_000
    const site = await startSite(t, { disk: true, cacheDirectory, memoryBytes })
    site.reply = (_request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.setHeader('ETag', '"v1"')
      response.setHeader('Last-Modified', MODIFIED)
      response.setHeader('Content-Type', 'text/plain')
      response.end(BODY)
    }
    await site.ask('/text')
    await pollUntil(async () => (await site.explain('/text')).disk.stored !== undefined)
    t.equal((await site.explain('/text')).answers, tier)
    await judge(t, site)
    t.equal(site.asked.length, 1, 'the app was asked once')
  })
}

await t.test('a part without a validator passes, and is stored for nobody', async (t) => {
  const site = await startSite(t)
  site.reply = (_request, response) => {
    response.setHeader('Cache-Control', 'max-age=600')
    response.writeHead(206, { 'Content-Range': 'bytes 0-3/5000' }).end('line')
  }
  for (let i = 1; i <= 2; i++) {
    t.match(await site.ask('/text', { Range: 'bytes=0-3' }), { status: 206, text: 'line' })
    t.equal(site.asked.length, i)
  }
})
