import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openRaw } from '../server/raw.ts'
import { fields, HOST, startSite } from './shared/site.ts'

/** The express lane answers, byte for byte, what node:http would: but for the time, and what is random. */

/** An answer to this is node:http's. */
const ELSEWHERE = 'Keep-Alive: 1\r\n'
const PAGE = 'page '.repeat(100)

const cacheDirectory = t.testdir()
const past = new Date('2026-01-02T03:04:05Z')
function write(name: string, content: string | Buffer): void {
  const file = join(cacheDirectory, HOST, 'http/permanent', name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  utimesSync(file, past, past)
}
write('index.html', PAGE)
write('index.html.gz', gzipSync(PAGE))
write('empty/index.html', '')
write('20k/index.html', 'x'.repeat(20_000))
write('100k/index.html', 'y'.repeat(100_000))
write('300k/index.html', 'z'.repeat(300_000))

const site = await startSite(t, { cacheDirectory, pageFiles: true })
site.reply = (request, response, number) => {
  if (request.url === '/gone') fields({ 'cache-control': 'max-age=60' }, 410)(request, response, number)
  else if (request.url === '/nothing') {
    response.writeHead(204, { 'cache-control': 'max-age=60' }).end()
  } else if (request.url === '/elsewhere') {
    fields({ 'cache-control': 'max-age=60', location: '/caf\xe9' }, 301)(request, response, number)
  } else fields({ 'cache-control': 'max-age=60', etag: '"e"', 'x-twice': ['a', 'b'] })(request, response, number)
}
// What has changed a moment ago is not as it will be.
site.advance(60)
const kept = ['/gone', '/nothing', '/elsewhere', '/app?a', '/?query=1']
for (const path of kept) await site.ask(path)

const rows: readonly (readonly [target: string, ...lines: string[]])[] = [
  ['/'],
  ['/', 'Accept-Encoding: gzip, br'],
  ['/', 'Accept-Encoding: identity', 'User-Agent: a', 'Referer: http://b/'],
  ['/', 'If-None-Match: *'],
  ['/', 'If-None-Match: "other"'],
  ['/', `If-Modified-Since: ${new Date().toUTCString()}`],
  ['/', `If-Unmodified-Since: ${new Date(0).toUTCString()}`],
  ['/', 'If-Match: "other"'],
  ['/', 'Range: bytes=3-7'],
  ['/', 'Range: bytes=3-7, 10-20'],
  ['/', 'Range: bytes=9999-'],
  ['/', 'Range: lines=1'],
  ['/', 'Cookie: a=b'],
  ['/empty/'],
  ['/empty'],
  ['/20k/'],
  ['/100k/'],
  ['/300k/'],
  ...kept.map((path) => [path] as const),
  ['/app?a', 'If-None-Match: "e"'],
  ['/app?a', 'Range: bytes=0-1'],
  ['/app?a', 'Accept-Encoding: gzip'],
]

function withoutChance(text: string): string {
  return text
    .replaceAll(/^Date: .*GMT\r$/gm, 'Date:\r')
    .replaceAll(/^Age: \d+\r$/gm, 'Age:\r')
    .replaceAll(/ttl=\d+/g, 'ttl=')
    .replaceAll(/boundary=(\w+)|--\w{30,}/g, 'boundary')
}

await t.test('both lanes give the same answer', async (t) => {
  let express = 0
  for (const method of ['GET', 'HEAD']) {
    for (const [target, ...lines] of rows) {
      const said: string[] = []
      const before = site.composed()
      for (const more of ['', ELSEWHERE]) {
        const raw = await openRaw({ port: site.edge })
        const head = [`${method} ${target} HTTP/1.1`, `Host: ${HOST}`, ...lines].join('\r\n')
        raw.send(`${head}\r\n${more}\r\nGET / HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
        said.push(withoutChance(await raw.rest()))
      }
      express += site.composed() - before
      t.equal(said[0], said[1], [method, target, ...lines].join(' '))
    }
  }
  t.ok(express >= 2 * (rows.length - 4), `${express} of ${2 * rows.length} came by the express lane`)
})
