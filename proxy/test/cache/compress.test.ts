import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { compress, isCompressible } from '../../src/cache/compress.ts'

await t.test('textual answers that nobody has coded, and that are worth it', async (t) => {
  const rows: [type: string, isCompressible: boolean, more?: string[]][] = [
    ['text/html; charset=utf-8', true],
    ['TEXT/CSS', true],
    ['application/json', true],
    ['application/ld+json', true],
    ['application/atom+xml', true],
    ['image/svg+xml', true],
    ['application/javascript', true],
    ['application/wasm', true],
    ['font/ttf', true],
    ['font/woff2', false],
    ['image/png', false],
    ['video/mp4', false],
    ['application/zip', false],
    ['text/event-stream', false],
    ['', false],
    ['text/html', false, ['Content-Encoding', 'gzip']],
    ['text/html', false, ['Cache-Control', 'public, no-transform']],
    ['text/html', false, ['Content-Digest', 'sha-256=:AA==:']],
    ['text/html', false, ['Repr-Digest', 'sha-256=:AA==:']],
  ]
  for (const [type, expected, more = []] of rows) {
    t.equal(isCompressible(200, ['Content-Type', type, ...more], 1000), expected, `${type} ${more.join(' ')}`)
  }
  t.notOk(isCompressible(200, ['Content-Type', 'text/html'], 255), 'too small')
  t.notOk(isCompressible(404, ['Content-Type', 'text/html'], 1000), 'conditions and codings are for a 200')
})

await t.test('copies say the same in fewer bytes, or are not kept', async (t) => {
  const body = Buffer.from('a long text. '.repeat(100))
  const copies = await compress(body)
  t.strictSame([...copies.keys()], ['br', 'gzip'])
  t.ok(brotliDecompressSync(copies.get('br') ?? '').equals(body))
  t.ok(gunzipSync(copies.get('gzip') ?? '').equals(body))
  t.equal((await compress(Buffer.from('ab'))).size, 0)
})
