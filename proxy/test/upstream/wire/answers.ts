/** One answer of an app, as bytes in Latin-1. */
export type Fixture = {
  readonly name: string
  readonly bytes: string
  readonly method?: string
  /** The request asked for another protocol. */
  readonly upgrading?: boolean
  /** The app ends the connection behind it. */
  readonly ends?: boolean
}

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`

/** What must be accepted, and as what: head, body, trailers, and how many bytes are no part of it. */
export const GOOD: readonly (Fixture & {
  readonly body?: string
  readonly trailers?: string[]
  readonly surplus?: number
})[] = [
  { name: 'a length', bytes: `${OK}Content-Length: 5\r\n\r\nhello`, body: 'hello' },
  { name: 'a length of nothing', bytes: `${OK}Content-Length: 0\r\n\r\n` },
  { name: 'a length with leading zeros', bytes: `${OK}Content-Length: 0005\r\n\r\nhello`, body: 'hello' },
  { name: 'no field at all', bytes: `${OK}\r\nrest`, ends: true, body: 'rest' },
  { name: 'no reason', bytes: 'HTTP/1.1 204 \r\n\r\n' },
  { name: 'no space for a reason', bytes: 'HTTP/1.1 204\r\n\r\n' },
  { name: 'a reason beyond ASCII', bytes: 'HTTP/1.1 204 caf\xe9\r\n\r\n' },
  { name: 'a status beyond 599', bytes: 'HTTP/1.1 999 Own\r\nContent-Length: 0\r\n\r\n' },
  {
    name: 'values with blanks, bytes beyond ASCII, or nothing',
    bytes: `${OK}A: \t x\ty \t\r\nB:\r\nC: \xff\r\nContent-Length: 0\r\n\r\n`,
  },
  { name: 'odd names', bytes: `${OK}!#$%&'*+-.^_\`|~09aZ: 1\r\nContent-Length: 0\r\n\r\n` },
  { name: 'repeated lines', bytes: `${OK}Set-Cookie: a\r\nset-cookie: b\r\nContent-Length: 0\r\n\r\n` },
  { name: 'chunks', bytes: `${CHUNKED}5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n`, body: 'hello0123456789' },
  { name: 'chunks with extensions', bytes: `${CHUNKED}5;a=b;c="d e"\r\nhello\r\n0;last\r\n\r\n`, body: 'hello' },
  { name: 'sizes with leading zeros', bytes: `${CHUNKED}0005\r\nhello\r\n000\r\n\r\n`, body: 'hello' },
  { name: 'CRLF in chunks', bytes: `${CHUNKED}4\r\n\r\n\r\n\r\n0\r\n\r\n`, body: '\r\n\r\n' },
  { name: 'trailers', bytes: `${CHUNKED}0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n`, trailers: ['X-Sum', '1', 'X-Sum', '2'] },
  { name: 'identity', bytes: `${OK}Transfer-Encoding: Identity\r\n\r\nrest`, ends: true, body: 'rest' },
  { name: 'no coding', bytes: `${OK}Transfer-Encoding: binary\r\n\r\n0\r\n\r\n`, ends: true, body: '0\r\n\r\n' },
  { name: 'Chunked in capitals', bytes: `${OK}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n` },
  { name: 'HTTP/1.0 to the end of the connection', bytes: 'HTTP/1.0 200 OK\r\n\r\nold', ends: true, body: 'old' },
  { name: 'HTTP/1.0 with a length', bytes: 'HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold', body: 'old' },
  {
    name: 'a body that ends with the connection',
    bytes: `${OK}Connection: close\r\n\r\nhello`,
    ends: true,
    body: 'hello',
  },
  { name: 'the answer to HEAD', bytes: `${OK}Content-Length: 5\r\n\r\n`, method: 'HEAD' },
  { name: 'the answer to HEAD, chunked', bytes: CHUNKED, method: 'HEAD' },
  { name: 'a 304 with a length', bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n' },
  {
    name: 'several 1xx',
    bytes: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    body: 'ok',
  },
  {
    name: 'a switch that was asked for',
    bytes: 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhi!',
    upgrading: true,
    surplus: 3,
  },
  {
    name: 'a refusal to switch',
    bytes: 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno',
    upgrading: true,
    body: 'no',
  },
  { name: '2,000 lines', bytes: `${OK}${'X-Many: of them\r\n'.repeat(2000)}Content-Length: 0\r\n\r\n` },
]

/** What must be refused. */
export const BAD: readonly Fixture[] = [
  { name: 'no HTTP', bytes: 'SSH-2.0-OpenSSH_9\r\n\r\n' },
  { name: 'HTTP/0.9', bytes: '<html>hello</html>\r\n\r\n', ends: true },
  { name: 'HTTP/2.0', bytes: 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'HTTP/1.2', bytes: 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'http in small letters', bytes: 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'an empty line first', bytes: `\r\n${OK}Content-Length: 0\r\n\r\n` },
  { name: 'two spaces before the status', bytes: 'HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a status of two digits', bytes: 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a status of four digits', bytes: 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a status below 100', bytes: 'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n' },
  { name: 'a NUL in the reason', bytes: 'HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n' },
  { name: 'bare line feeds', bytes: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', ends: true },
  { name: 'one bare line feed', bytes: `${OK}A: 1\nB: 2\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a bare carriage return', bytes: `${OK}A: 1\rB: 2\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a NUL in a value', bytes: `${OK}A: 1\x002\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a control character in a value', bytes: `${OK}A: \x7f\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a folded line', bytes: `${OK}A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a fold before the first field', bytes: `${OK} A: 1\r\nContent-Length: 0\r\n\r\n` },
  { name: 'white space before a colon', bytes: `${OK}Content-Length : 0\r\n\r\n` },
  { name: 'no name', bytes: `${OK}: 1\r\nContent-Length: 0\r\n\r\n` },
  { name: 'no colon', bytes: `${OK}A\r\nContent-Length: 0\r\n\r\n` },
  { name: 'a name that is no token', bytes: `${OK}A(b): 1\r\nContent-Length: 0\r\n\r\n` },
  { name: 'two lengths that differ', bytes: `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nok` },
  { name: 'two lengths that agree', bytes: `${OK}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok` },
  { name: 'a list of lengths', bytes: `${OK}Content-Length: 2, 2\r\n\r\nok` },
  { name: 'a length with a sign', bytes: `${OK}Content-Length: +2\r\n\r\nok` },
  { name: 'a length in hex', bytes: `${OK}Content-Length: 0x2\r\n\r\nok` },
  { name: 'a length below nothing', bytes: `${OK}Content-Length: -2\r\n\r\nok` },
  { name: 'an empty length', bytes: `${OK}Content-Length:\r\n\r\nok` },
  { name: 'a length beyond counting', bytes: `${OK}Content-Length: 99999999999999999999\r\n\r\nok` },
  { name: 'a length and chunks', bytes: `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` },
  { name: 'gzip, chunked', bytes: `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n` },
  { name: 'chunked, gzip', bytes: `${OK}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, ends: true },
  { name: 'gzip', bytes: `${OK}Transfer-Encoding: GZip\r\n\r\nok`, ends: true },
  { name: 'two names', bytes: `${OK}Transfer-Encoding: identity, identity\r\n\r\nok`, ends: true },
  { name: 'no name of a coding', bytes: `${OK}Transfer-Encoding: \r\n\r\nok`, ends: true },
  { name: 'a name and a length', bytes: `${OK}Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok`, ends: true },
  { name: 'a name in HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok', ends: true },
  { name: 'chunked twice', bytes: `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` },
  { name: 'xchunked', bytes: `${OK}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, ends: true },
  { name: 'chunks in HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'a chunk without a size', bytes: `${CHUNKED}\r\nhello\r\n0\r\n\r\n` },
  { name: 'a chunk size with a sign', bytes: `${CHUNKED}+5\r\nhello\r\n0\r\n\r\n` },
  { name: 'a chunk size behind 0x', bytes: `${CHUNKED}0x5\r\nhello\r\n0\r\n\r\n` },
  { name: 'white space behind a chunk size', bytes: `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n` },
  { name: 'a chunk size beyond counting', bytes: `${CHUNKED}ffffffffffffffff\r\nhello` },
  { name: 'a chunk longer than its size', bytes: `${CHUNKED}4\r\nhello\r\n0\r\n\r\n` },
  { name: 'a bare line feed behind a chunk size', bytes: `${CHUNKED}5\nhello\r\n0\r\n\r\n` },
  { name: 'a bare line feed behind a chunk', bytes: `${CHUNKED}5\r\nhello\n0\r\n\r\n` },
  { name: 'a bare carriage return behind a chunk size', bytes: `${CHUNKED}5\rxhello\r\n0\r\n\r\n` },
  { name: 'a bare carriage return behind a chunk', bytes: `${CHUNKED}5\r\nhello\rx0\r\n\r\n` },
  { name: 'a bare line feed in an extension', bytes: `${CHUNKED}5;a\nb\r\nhello\r\n0\r\n\r\n` },
  { name: 'extensions without end', bytes: `${CHUNKED}5;${'a'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n` },
  { name: 'a folded trailer', bytes: `${CHUNKED}0\r\nA: 1\r\n 2\r\n\r\n` },
  { name: 'trailers without end', bytes: `${CHUNKED}0\r\nA: ${'a'.repeat(20_000)}\r\n\r\n` },
  { name: 'a last chunk that ends oddly', bytes: `${CHUNKED}0\rXA: 1\r\n\r\n` },
  { name: 'a head without end', bytes: `${OK}A: ${'a'.repeat(70_000)}\r\n\r\n` },
  { name: '1xx without end', bytes: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(101) },
  { name: 'a switch that nobody asked for', bytes: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n' },
  { name: 'a head that is cut', bytes: `${OK}Content-Le`, ends: true },
  { name: 'a body that is cut', bytes: `${OK}Content-Length: 5\r\n\r\nhell`, ends: true },
  { name: 'a chunk that is cut', bytes: `${CHUNKED}5\r\nhell`, ends: true },
  { name: 'chunks without a last one', bytes: `${CHUNKED}5\r\nhello\r\n`, ends: true },
  { name: 'a last chunk without its end', bytes: `${CHUNKED}0\r\n`, ends: true },
  { name: 'nothing', bytes: '', ends: true },
]
