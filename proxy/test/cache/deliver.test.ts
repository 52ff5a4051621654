import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { createTier, openFilesIn, serve, type Protocol } from './fixture.ts'

const LARGE = Buffer.from(Array.from({ length: 300_000 }, (_, n) => n % 251))
const SMALL = LARGE.subarray(0, 1000)

for (const protocol of ['http1', 'http2'] satisfies Protocol[]) {
  // The same file in memory, and too large for it: every rule holds for both.
  for (const [size, body] of Object.entries({ small: SMALL, large: LARGE })) {
    await t.test(`${protocol}: a ${size} file`, async (t) => {
      const directory = t.testdir({ cache: { 'a.test': { folder: { 'x.bin': body } } } })
      const { tier } = createTier(t, directory)
      const site = await serve(t, tier, protocol)
      const total = body.length
      const whole = await site.ask('/x.bin')

      await t.test('whole', async (t) => {
        t.equal(whole.status, 200)
        t.ok(whole.body.equals(body))
        t.match(whole.headers, {
          'content-length': String(total),
          'content-type': 'application/octet-stream',
          'accept-ranges': 'bytes',
          'last-modified': / GMT$/,
          etag: /^"[\w-]+"$/,
          'x-common': 'yes',
          date: / GMT$/,
        })
        t.equal(whole.headers['transfer-encoding'], undefined)
        t.match(site.exchanges[0], { cache: 'HIT', bytes: total, reason: undefined })
      })

      await t.test('HEAD says the same and sends nothing', async (t) => {
        const head = await site.ask('/x.bin', { method: 'HEAD', headers: { range: 'bytes=0-1' } })
        t.equal(head.status, 200)
        t.equal(head.body.length, 0)
        const { date: _, ...fields } = head.headers
        t.match(whole.headers, fields)
        t.equal(head.headers['content-length'], String(total))
        t.equal(site.exchanges.at(-1)?.bytes, 0)
      })

      await t.test('304 with what a 304 must carry', async (t) => {
        for (const method of ['GET', 'HEAD']) {
          const conditions = [{ 'if-none-match': String(whole.headers.etag) }, { 'if-none-match': '*' }]
          const dates = [{ 'if-modified-since': String(whole.headers['last-modified']) }]
          for (const headers of [...conditions, ...dates]) {
            const answer = await site.ask('/x.bin', { method, headers: { ...headers, range: 'bytes=0-1' } })
            t.equal(answer.status, 304)
            t.equal(answer.body.length, 0)
            t.match(answer.headers, { etag: whole.headers.etag, 'cache-control': /max-age=0/, 'x-common': 'yes' })
            for (const field of ['content-type', 'content-length', 'transfer-encoding']) {
              t.equal(answer.headers[field], undefined, field)
            }
          }
        }
      })

      await t.test('412', async (t) => {
        for (const headers of [{ 'if-match': '"other"' }, { 'if-unmodified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' }]) {
          const answer = await site.ask('/x.bin', { headers })
          t.equal(answer.status, 412)
          t.match(answer.headers, { 'content-length': '0', 'x-common': 'yes' })
        }
      })

      await t.test('206, one range', async (t) => {
        const table: [string, number, number][] = [
          ['bytes=0-0', 0, 1],
          ['bytes=10-19', 10, 20],
          ['bytes=900-', 900, total],
          ['bytes=-5', total - 5, total],
          [`bytes=-${total + 1}`, 0, total],
          ['bytes=0-9,5-14', 0, 15],
        ]
        for (const [range, start, end] of table) {
          const answer = await site.ask('/x.bin', { headers: { range } })
          t.equal(answer.status, 206, range)
          t.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${total}`)
          t.equal(answer.headers['content-length'], String(end - start))
          t.equal(answer.headers.etag, whole.headers.etag)
          t.ok(answer.body.equals(body.subarray(start, end)))
        }
      })

      await t.test('206, several ranges', async (t) => {
        const answer = await site.ask('/x.bin', { headers: { range: 'bytes=500-509,0-1,-3' } })
        t.equal(answer.status, 206)
        const boundary =
          /^multipart\/byteranges; boundary=(\w+)$/.exec(String(answer.headers['content-type']))?.[1] ?? ''
        const part = (start: number, end: number): Buffer =>
          Buffer.concat([
            Buffer.from(`--${boundary}\r\nContent-Type: application/octet-stream\r\n`),
            Buffer.from(`Content-Range: bytes ${start}-${end - 1}/${total}\r\n\r\n`),
            body.subarray(start, end),
            Buffer.from('\r\n'),
          ])
        const parts = [part(500, 510), part(0, 2), part(total - 3, total), Buffer.from(`--${boundary}--\r\n`)]
        t.ok(answer.body.equals(Buffer.concat(parts)))
        t.equal(answer.headers['content-length'], String(answer.body.length))
        t.equal(answer.headers['content-range'], undefined)
        t.equal(site.exchanges.at(-1)?.bytes, answer.body.length)
      })

      await t.test('416', async (t) => {
        const answer = await site.ask('/x.bin', { headers: { range: `bytes=${total}-` } })
        t.equal(answer.status, 416)
        t.match(answer.headers, { 'content-range': `bytes */${total}`, 'content-length': '0' })
      })

      await t.test('a range that is to be ignored gets the whole', async (t) => {
        const { etag, 'last-modified': modified } = whole.headers
        const range = 'bytes=0-1'
        const ignored: Record<string, string>[] = [
          { range: 'bytes=2-1' },
          { range: 'lines=0-1' },
          { range: `bytes=${Array.from({ length: 17 }, (_, n) => `${n}-${n}`).join(',')}` },
          { range, 'if-range': '"other"' },
          { range, 'if-range': `W/${String(etag)}` },
          { range, 'if-range': 'Sun, 06 Nov 1994 08:49:37 GMT' },
        ]
        for (const headers of ignored) {
          const answer = await site.ask('/x.bin', { headers })
          t.equal(answer.status, 200, JSON.stringify(headers))
          t.equal(answer.body.length, total)
        }
        for (const condition of [String(etag), String(modified)]) {
          t.equal((await site.ask('/x.bin', { headers: { range, 'if-range': condition } })).status, 206, condition)
        }
      })

      t.same(openFilesIn(directory), [])
    })
  }

  await t.test(`${protocol}: an empty file`, async (t) => {
    const directory = t.testdir({ cache: { 'a.test': { folder: { 'x.css': '' } } } })
    const site = await serve(t, createTier(t, directory).tier, protocol)
    for (const headers of [{}, { range: 'bytes=-5' }]) {
      const answer = await site.ask('/x.css', { headers })
      t.equal(answer.status, 200)
      t.equal(answer.headers['content-length'], '0')
      t.equal(answer.body.length, 0)
    }
    const answer = await site.ask('/x.css', { headers: { range: 'bytes=0-0' } })
    t.equal(answer.status, 416)
    t.equal(answer.headers['content-range'], 'bytes */0')
  })
}

await t.test('curl resumes a download', async (t) => {
  const directory = t.testdir({ cache: { 'a.test': { folder: { 'x.bin': LARGE } } }, part: LARGE.subarray(0, 123_456) })
  const site = await serve(t, createTier(t, directory).tier, 'http1')
  const url = `http://127.0.0.1:${site.port}/x.bin`
  await promisify(execFile)('curl', ['--silent', '--fail', '--continue-at', '-', '--output', `${directory}/part`, url])
  t.ok(readFileSync(`${directory}/part`).equals(LARGE))
  t.equal(site.exchanges[0]?.bytes, LARGE.length - 123_456)
})
