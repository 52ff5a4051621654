/** One question about files, and what the edge owes, over every protocol. */
export type FileRow = {
  readonly name: string
  readonly path: string
  /** GET by default. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly status: number
  /** Of the answer; undefined where there must be none. */
  readonly fields?: Readonly<Record<string, string | RegExp | undefined>>
  readonly body?: string | RegExp
}

/** What the app says when the edge leaves a request to it. */
export const APP = 'the app'
export const BODY = '0123456789'
/** Older than every answer, and a whole second. */
export const MODIFIED = new Date('2026-01-02T03:04:05Z')
export const LONG_NAME = `${'ü'.repeat(125)}.txt`

const DATE = MODIFIED.toUTCString()
const EARLIER = new Date(MODIFIED.getTime() - 1000).toUTCString()
/** Stands for the tag of the file that is asked for. */
export const TAG = '<tag>'
const FILE = '/a.txt'
const WHOLE = { status: 200, body: BODY }
const UNCHANGED = { status: 304, body: '', fields: { etag: /^"/, 'content-length': undefined } }
const FAILED = { status: 412, body: '' }

const conditions: readonly FileRow[] = [
  { name: 'If-None-Match: the tag', path: FILE, headers: { 'if-none-match': TAG }, ...UNCHANGED },
  { name: 'the same, weak', path: FILE, headers: { 'if-none-match': `W/${TAG}` }, ...UNCHANGED },
  { name: 'a list that holds it', path: FILE, headers: { 'if-none-match': `"x,y", W/"z", ${TAG}` }, ...UNCHANGED },
  { name: 'a list without it', path: FILE, headers: { 'if-none-match': '"x,y", W/"z"' }, ...WHOLE },
  { name: 'If-None-Match: *', path: FILE, headers: { 'if-none-match': '*' }, ...UNCHANGED },
  { name: 'If-Modified-Since: then', path: FILE, headers: { 'if-modified-since': DATE }, ...UNCHANGED },
  { name: 'before then', path: FILE, headers: { 'if-modified-since': EARLIER }, ...WHOLE },
  { name: 'no date', path: FILE, headers: { 'if-modified-since': 'yesterday' }, ...WHOLE },
  { name: 'If-Match: another', path: FILE, headers: { 'if-match': '"x"' }, ...FAILED },
  { name: 'If-Match: the same, weak', path: FILE, headers: { 'if-match': `W/${TAG}` }, ...FAILED },
  { name: 'If-Match: a list', path: FILE, headers: { 'if-match': `"x", ${TAG}` }, ...WHOLE },
  { name: 'If-Unmodified-Since: before then', path: FILE, headers: { 'if-unmodified-since': EARLIER }, ...FAILED },
  { name: 'If-Unmodified-Since: then', path: FILE, headers: { 'if-unmodified-since': DATE }, ...WHOLE },
]

const precedence: readonly FileRow[] = [
  {
    name: 'If-Match goes before If-Unmodified-Since',
    path: FILE,
    headers: { 'if-match': TAG, 'if-unmodified-since': EARLIER },
    ...WHOLE,
  },
  {
    name: 'both before If-None-Match',
    path: FILE,
    headers: { 'if-match': '"x"', 'if-none-match': TAG },
    ...FAILED,
  },
  {
    name: 'If-None-Match before If-Modified-Since',
    path: FILE,
    headers: { 'if-none-match': '"x"', 'if-modified-since': DATE },
    ...WHOLE,
  },
  {
    name: 'all of them before Range',
    path: FILE,
    headers: { 'if-none-match': TAG, range: 'bytes=0-1' },
    ...UNCHANGED,
  },
]

function ranged(range: string, rest: Partial<FileRow> & Pick<FileRow, 'status'>): FileRow {
  return { name: `Range: ${range}`, path: FILE, headers: { range }, ...rest }
}
function part(range: string, body: string, told: string): FileRow {
  return ranged(range, { status: 206, body, fields: { 'content-range': `bytes ${told}/10` } })
}
const NONE = { status: 416, body: '', fields: { 'content-range': 'bytes */10' } }

const ranges: readonly FileRow[] = [
  part('bytes=0-0', '0', '0-0'),
  part('bytes=2-4', '234', '2-4'),
  part('bytes=7-', '789', '7-9'),
  part('bytes=7-1000', '789', '7-9'),
  part('bytes=-3', '789', '7-9'),
  part('bytes=-1000', BODY, '0-9'),
  part('bytes=2-4,3-6', '23456', '2-6'),
  ranged('bytes=0-1,8-', {
    status: 206,
    body: /^--(\w+)\r\nContent-Type: text\/plain; charset=utf-8\r\nContent-Range: bytes 0-1\/10\r\n\r\n01\r\n--\1\r\n[^]*89\r\n--\1--\r\n$/,
    fields: { 'content-type': /^multipart\/byteranges; boundary=\w+$/, 'content-range': undefined },
  }),
  ranged('bytes=10-', NONE),
  ranged('bytes=-0', NONE),
  ranged('bytes=20-30,40-', NONE),
  ranged('bytes=4-2', WHOLE),
  ranged('lines=0-1', WHOLE),
  { ...part('bytes=0-0', '0', '0-0'), name: 'If-Range: the tag', headers: { range: 'bytes=0-0', 'if-range': TAG } },
  { ...part('bytes=0-0', '0', '0-0'), name: 'If-Range: the date', headers: { range: 'bytes=0-0', 'if-range': DATE } },
  ranged('bytes=0-0', { ...WHOLE, name: 'If-Range: another', headers: { range: 'bytes=0-0', 'if-range': '"x"' } }),
  ranged('bytes=0-0', { ...WHOLE, name: 'If-Range: weak', headers: { range: 'bytes=0-0', 'if-range': `W/${TAG}` } }),
  ranged('bytes=0-0', { ...WHOLE, name: 'If-Range: earlier', headers: { range: 'bytes=0-0', 'if-range': EARLIER } }),
  ranged('bytes=0-0', { status: 200, body: '', name: 'a range for HEAD', method: 'HEAD' }),
]

function coded(accept: string, body: string, coding: string | undefined): FileRow {
  return {
    name: `Accept-Encoding: ${accept}`,
    path: '/n.css',
    headers: { 'accept-encoding': accept },
    status: 200,
    body,
    fields: { 'content-encoding': coding, vary: /accept-encoding/i, 'content-type': /^text\/css/ },
  }
}

const codings: readonly FileRow[] = [
  coded('br, gzip, zstd', 'as br', 'br'),
  coded('gzip', 'as gzip', 'gzip'),
  coded('zstd', 'as zstd', 'zstd'),
  coded('gzip;q=0, *;q=0.1', 'as br', 'br'),
  coded('identity', 'plain', undefined),
  coded('br;q=0', 'plain', undefined),
]

const names: readonly FileRow[] = [
  { name: 'a directory', path: '/d', status: 301, fields: { location: '/d/' } },
  { name: 'with a query', path: '/d?a=b', status: 301, fields: { location: '/d/?a=b' } },
  { name: 'its index', path: '/d/', status: 200, body: 'index' },
  { name: 'a name of 255 bytes', path: `/${encodeURIComponent(LONG_NAME)}`, status: 200, body: 'long' },
  { name: 'a longer one', path: `/x${encodeURIComponent(LONG_NAME)}`, status: 404, body: APP },
  { name: 'encoded', path: '/%61.txt', ...WHOLE },
  { name: 'composed', path: '/caf%C3%A9.txt', status: 200, body: 'café' },
  { name: 'decomposed', path: '/cafe%CC%81.txt', status: 200, body: 'café' },
  ...[
    ['encoded twice', '/%2561.txt'],
    ['NUL', '/a.txt%00'],
    ['backslash', '/d%5Cindex.html'],
    ['a raw backslash', '/d\\index.html'],
    ['overlong UTF-8', '/%C0%AE%C0%AE/a.txt'],
    ['a surrogate', '/%ED%A0%80.txt'],
    ['Latin-1', '/caf%E9.txt'],
    ['an encoded slash', '/d%2Findex.html'],
    ['two dots', '/d/../a.txt'],
    ['two dots, encoded', '/%2e%2e/a.txt'],
    ['a dotfile', '/.hidden'],
    ['two slashes', '//a.txt'],
    ['a FIFO', '/fifo.txt'],
    ['a socket', '/socket.txt'],
    ['a device', '/device.txt'],
    ['a link that leads outside', '/outside.txt'],
  ].map(([name = '', path = '']) => ({ name, path, status: 404, body: APP })),
]

const methods: readonly FileRow[] = [
  { name: 'GET', path: FILE, ...WHOLE, fields: { 'accept-ranges': 'bytes', 'last-modified': DATE, etag: /^"[^"]+"$/ } },
  { name: 'HEAD', path: FILE, method: 'HEAD', status: 200, body: '', fields: { 'content-length': '10' } },
  { name: 'POST of a site is the app’s', path: FILE, method: 'POST', status: 404, body: APP },
]

export const fileRows: readonly FileRow[] = [...methods, ...conditions, ...precedence, ...ranges, ...codings, ...names]
