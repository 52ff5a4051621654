import { createServer, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import t from 'tap'
import { readPlainHead } from '../../src/server/plain-head.ts'

const BROWSER = `GET /a/b?c=%20d HTTP/1.1\r\nHost: a.example:8080\r\nUser-Agent: Mozilla/5.0 (X11; rv:1) "x"\r\nAccept: */*\r\n\r\n`

await t.test('what browsers and tools send is read to its end', (t) => {
  const bytes = Buffer.from(`${BROWSER}GET /next HTTP/1.1\r\n`)
  t.match(readPlainHead(bytes, 0), {
    method: 'GET',
    url: '/a/b?c=%20d',
    headers: { host: 'a.example:8080', accept: '*/*' },
    length: BROWSER.length,
  })
  t.equal(readPlainHead(bytes, BROWSER.length), undefined, 'not whole yet')
  const second = Buffer.from(`HEAD /1 HTTP/1.1\r\nhost:b\r\n\r\n${BROWSER}`)
  t.match(readPlainHead(second, 0), { method: 'HEAD', rawHeaders: ['host', 'b'] })
  t.match(readPlainHead(second, second.length - BROWSER.length), { url: '/a/b?c=%20d' })
  t.end()
})

await t.test('what needs care is not', (t) => {
  const line = 'GET / HTTP/1.1'
  const rows: readonly (readonly [string, string])[] = [
    ['another method', `POST / HTTP/1.1\r\nHost: a\r\n`],
    ['a method in small letters', `get / HTTP/1.1\r\nHost: a\r\n`],
    ['a longer method', `GETS / HTTP/1.1\r\nHost: a\r\n`],
    ['another version', `GET / HTTP/1.0\r\nHost: a\r\n`],
    ['a version of another kind', `GET / HTTP/1.1 \r\nHost: a\r\n`],
    ['an absolute target', `GET http://a/ HTTP/1.1\r\nHost: a\r\n`],
    ['a target that is no path', `GET * HTTP/1.1\r\nHost: a\r\n`],
    ['a target with a fragment', `GET /#a HTTP/1.1\r\nHost: a\r\n`],
    ['a target beyond ASCII', `GET /\xe9 HTTP/1.1\r\nHost: a\r\n`],
    ['two spaces', `GET  / HTTP/1.1\r\nHost: a\r\n`],
    ['an empty line before it', `\r\n${line}\r\nHost: a\r\n`],
    ['a line that ends with LF alone', `${line}\nHost: a\r\n`],
    ['a field that ends with LF alone', `${line}\r\nHost: a\nX: b\r\n`],
    ['a CR in a field', `${line}\r\nHost: a\rX: b\r\n`],
    ['a NUL in a field', `${line}\r\nHost: a\0\r\n`],
    ['a tab in a field', `${line}\r\nHost:\ta\r\n`],
    ['a field beyond ASCII', `${line}\r\nHost: a\r\nX: \xe9\r\n`],
    ['a folded field', `${line}\r\nHost: a\r\nX: b\r\n c\r\n`],
    ['a space before the colon', `${line}\r\nHost : a\r\n`],
    ['a space before the name', `${line}\r\n Host: a\r\n`],
    ['a name that is none', `${line}\r\nHost: a\r\n: b\r\n`],
    ['an unusual name', `${line}\r\nHost: a\r\nX_Real_IP: b\r\n`],
    ['a line without a colon', `${line}\r\nHost: a\r\nX\r\n`],
    ['a field twice', `${line}\r\nHost: a\r\nhost: b\r\n`],
    ['a name of every object', `${line}\r\nHost: a\r\nConstructor: b\r\n`],
    ['a length', `${line}\r\nHost: a\r\nContent-Length: 0\r\n`],
    ['chunks', `${line}\r\nHost: a\r\nTransfer-Encoding: chunked\r\n`],
    ['the end of the connection', `${line}\r\nHost: a\r\nConnection: close\r\n`],
    ['fields of the connection', `${line}\r\nHost: a\r\nConnection: keep-alive, X\r\n`],
    ['another protocol', `${line}\r\nHost: a\r\nUpgrade: websocket\r\n`],
    ['an expectation', `${line}\r\nHost: a\r\nExpect: 100-continue\r\n`],
    ['spaces that end in no field', `${line}\r\nHost: a\r\nX:${' '.repeat(8000)}\xe9\r\n`],
    ['65 lines', `${line}\r\n${Array.from({ length: 65 }, (_, n) => `X-${n}: a\r\n`).join('')}`],
    ['more than 8 KB', `${line}\r\nHost: a\r\nX: ${'a'.repeat(8192)}\r\n`],
  ]
  for (const [name, head] of rows) t.equal(readPlainHead(Buffer.from(`${head}\r\n`, 'latin1'), 0), undefined, name)
  t.ok(readPlainHead(Buffer.from(`${line}\r\nConnection: Keep-Alive\r\n\r\n`), 0), 'but for the usual word')
  t.end()
})

const server = createServer({ requireHostHeader: false })
server.on('clientError', (error, socket: Duplex & { refuse?: (error: Error) => void }) => socket.refuse?.(error))

/** What node:http makes of it, once it has it whole. */
function hear(bytes: Buffer): Promise<unknown> {
  return new Promise((resolve) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    Object.assign(socket, { refuse: resolve })
    server.once('request', ({ method, url, httpVersion, headers, rawHeaders }: IncomingMessage) => {
      socket.destroy()
      resolve({ method, url, httpVersion, headers: { ...headers }, rawHeaders })
    })
    server.emit('connection', socket)
    socket.push(bytes)
  })
}

/** Pieces of which heads are made: mostly the first of each, else any. */
const PIECES = {
  method: ['GET', 'HEAD', 'get', 'GE\tT', ''],
  space: [' ', '  ', '\t'],
  target: ['/', '/a?b', '/%00', '/a#b', '*', 'http://a/', '/\xff', '/"<>\\^`{|}'],
  version: ['HTTP/1.1', 'HTTP/1.0', 'HTTP/1.1 ', 'http/1.1'],
  end: ['\r\n', '\n', '\r', '\r\r\n'],
  name: [
    'X-A',
    'Host',
    'x-b',
    'ACCEPT',
    'Cookie',
    'Set-Cookie',
    'Age',
    'X_C',
    'X D',
    '',
    'Content-Length',
    'Connection',
  ],
  colon: [': ', ':', ':   ', ' :', ':\t', ''],
  value: ['a', 'a b', 'keep-alive', '', '"x, y"', 'a ', 'a\t', '\x7f', '0', 'a:b', '\r\n c'],
}

await t.test('what it reads, it reads as node:http does', async (t) => {
  let random = 1
  const pick = (from: readonly string[]): string => {
    random = (random * 48271) % 2147483647
    return (random % 100 < 80 ? from[0] : from[random % from.length]) ?? ''
  }
  let read = 0
  for (let round = 0; round < 4000; round++) {
    const { method, space, target, version, end, name, colon, value } = PIECES
    let text = [method, space, target, space, version, end].map(pick).join('')
    for (let lines = round % 5; lines > 0; lines--) text += [name, colon, value, end].map(pick).join('')
    const bytes = Buffer.from(`${text}\r\n`, 'latin1')
    const plain = readPlainHead(bytes, 0)
    if (plain === undefined) continue
    read++
    const heard = await hear(bytes.subarray(0, plain.length))
    const { httpVersion, headers, rawHeaders, url } = plain
    const expected = { method: plain.method, url, httpVersion, headers, rawHeaders }
    if (!t.strictSame(heard, expected, JSON.stringify(text))) return
  }
  t.ok(read > 500, `${read} of them were plain`)
})
