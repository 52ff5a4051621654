/** A request that must not pass over HTTP/1.1, in clear or over TLS. */
export type Refusal = {
  readonly name: string
  readonly send: string
  readonly status: number
  readonly reason: string | RegExp
}

const LINE = 'GET / HTTP/1.1\r\n'
const HEAD = `${LINE}Host: app.localhost\r\n`
const POST = 'POST / HTTP/1.1\r\nHost: app.localhost\r\n'
const END = '\r\n'
/** What the edge takes of a head. */
const HEAD_BYTES = 32 * 1024

const INVALID_HOSTS = [
  'app.localhost/x',
  'me@app.localhost',
  'app.localhost:99999',
  'app.localhost:http',
  'app.localhost:443:443',
  'app localhost',
  'app..localhost',
  '-app.localhost',
  'app.localhost, app.localhost',
  '[::1',
  '[::g]',
  'app%2elocalhost',
  '1.2.3.4.5',
  'caf\xc3\xa9.localhost',
  `${'a'.repeat(64)}.localhost`,
]

const hosts: readonly Refusal[] = [
  { name: 'no Host', send: LINE + END, status: 400, reason: 'no host' },
  { name: 'no Host in HTTP/1.0', send: `GET / HTTP/1.0\r\n${END}`, status: 403, reason: 'no host' },
  { name: 'an empty Host', send: `${LINE}Host:\r\n${END}`, status: 400, reason: 'no host' },
  { name: 'Host twice, the same', send: `${HEAD}host: app.localhost\r\n${END}`, status: 400, reason: 'several hosts' },
  { name: 'Host twice, another', send: `${HEAD}Host: other.localhost\r\n${END}`, status: 400, reason: 'several hosts' },
  ...INVALID_HOSTS.map((host) => ({
    name: `Host: ${host}`,
    send: `${LINE}Host: ${host}\r\n${END}`,
    status: 400,
    reason: 'invalid host',
  })),
]

const lengths: readonly Refusal[] = [
  {
    name: 'two lengths that differ',
    send: `${POST}Content-Length: 1\r\nContent-Length: 2\r\n${END}ab`,
    status: 400,
    reason: 'HPE_UNEXPECTED_CONTENT_LENGTH',
  },
  {
    name: 'two lengths that agree',
    send: `${POST}Content-Length: 1\r\nContent-Length: 1\r\n${END}a`,
    status: 400,
    reason: 'HPE_UNEXPECTED_CONTENT_LENGTH',
  },
  {
    name: 'a list of lengths',
    send: `${POST}Content-Length: 1, 1\r\n${END}a`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'a length with a sign',
    send: `${POST}Content-Length: +1\r\n${END}a`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'a length under zero',
    send: `${POST}Content-Length: -1\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'a length in hexadecimal',
    send: `${POST}Content-Length: 0x1\r\n${END}a`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'a length beyond 2^64',
    send: `${POST}Content-Length: 18446744073709551617\r\n${END}a`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'an empty length',
    send: `${POST}Content-Length:\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'a length and chunks',
    send: `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n${END}0\r\n\r\n`,
    status: 400,
    reason: 'HPE_INVALID_TRANSFER_ENCODING',
  },
  {
    name: 'chunks and a length',
    send: `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n${END}0\r\n\r\n`,
    status: 400,
    reason: 'HPE_INVALID_CONTENT_LENGTH',
  },
  {
    name: 'gzip, chunked',
    send: `${POST}Transfer-Encoding: gzip, chunked\r\n${END}0\r\n\r\n`,
    status: 501,
    reason: 'transfer coding not implemented',
  },
  {
    name: 'gzip and chunked in two lines',
    send: `${POST}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n${END}0\r\n\r\n`,
    status: 501,
    reason: 'transfer coding not implemented',
  },
  {
    name: 'chunked, chunked',
    send: `${POST}Transfer-Encoding: chunked, chunked\r\n${END}0\r\n\r\n`,
    status: 400,
    reason: 'HPE_INVALID_TRANSFER_ENCODING',
  },
  {
    name: 'chunked, gzip',
    send: `${POST}Transfer-Encoding: chunked, gzip\r\n${END}0\r\n\r\n`,
    status: 400,
    reason: 'HPE_INVALID_TRANSFER_ENCODING',
  },
  {
    name: 'xchunked',
    send: `${POST}Transfer-Encoding: xchunked\r\n${END}0\r\n\r\n`,
    status: 501,
    reason: 'transfer coding not implemented',
  },
  {
    name: 'chunked in HTTP/1.0',
    send: `POST / HTTP/1.0\r\nHost: app.localhost\r\nTransfer-Encoding: chunked\r\n${END}0\r\n\r\n`,
    status: 400,
    reason: 'transfer coding in HTTP/1.0',
  },
]

/** No tokens, too long, HTTP/2's own; and what an app may take for GET or HEAD, which have rules of their own here. */
const ODD_METHODS = ['get', 'Head', 'PRI', '@', 'A(B)', 'A\xe9', 'A,B', 'X'.repeat(65)]
const ODD_TARGETS = ['\xe9', '/\xe9#', '/\xe9\x01', '/\xe9\x7f', '/\xe9\t', 'http://caf\xe9.localhost/', 'ftp://x/\xe9']

const syntax: readonly Refusal[] = [
  { name: 'obs-fold', send: `${HEAD}X-Folded: a\r\n b\r\n${END}`, status: 400, reason: 'HPE_' },
  { name: 'a bare LF behind a field', send: `${HEAD}X-A: b\nX-C: d\r\n${END}`, status: 400, reason: 'HPE_' },
  {
    name: 'a bare LF behind the request line',
    send: `GET / HTTP/1.1\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_VERSION',
  },
  { name: 'a bare LF at the end', send: `${HEAD}\n`, status: 400, reason: 'HPE_' },
  { name: 'a bare CR in a value', send: `${HEAD}X-A: b\rX-C: d\r\n${END}`, status: 400, reason: 'HPE_' },
  { name: 'NUL in a value', send: `${HEAD}X-A: b\0c\r\n${END}`, status: 400, reason: 'HPE_INVALID_HEADER_TOKEN' },
  {
    name: 'a space before the colon',
    send: `${LINE}Host : app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_HEADER_TOKEN',
  },
  {
    name: 'a space before the first field',
    send: `${LINE} Host: app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_',
  },
  { name: 'a field without a colon', send: `${HEAD}X-A\r\n${END}`, status: 400, reason: 'HPE_INVALID_HEADER_TOKEN' },
  { name: 'a field without a name', send: `${HEAD}: x\r\n${END}`, status: 400, reason: 'HPE_INVALID_HEADER_TOKEN' },
  { name: 'a name beyond ASCII', send: `${HEAD}X-\xe9: x\r\n${END}`, status: 400, reason: 'HPE_INVALID_HEADER_TOKEN' },
  { name: 'HTTP/0.9', send: 'GET /\r\n\r\n', status: 505, reason: 'version not supported' },
  {
    name: 'HTTP/2.0 in text',
    send: `GET / HTTP/2.0\r\nHost: app.localhost\r\n${END}`,
    status: 505,
    reason: 'version not supported',
  },
  { name: 'the preface of HTTP/2', send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 400, reason: 'HPE_' },
  {
    name: 'HTTP/1.2',
    send: `GET / HTTP/1.2\r\nHost: app.localhost\r\n${END}`,
    status: 505,
    reason: 'HPE_INVALID_VERSION',
  },
  { name: 'another protocol', send: `GET / ICE/1.0\r\nHost: app.localhost\r\n${END}`, status: 400, reason: 'HPE_' },
  ...ODD_METHODS.map((method) => ({
    name: `the method ${method}`,
    send: `${method} / HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_',
  })),
  ...ODD_TARGETS.map((target) => ({
    name: `the target ${target}`,
    send: `GET ${target} HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: /HPE_INVALID_URL|invalid (target|host)/,
  })),
  {
    name: 'a target with a fragment',
    send: `GET /#here HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'invalid target',
  },
  {
    name: 'a target of * for GET',
    send: `GET * HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'invalid target',
  },
  {
    name: 'a target without a slash',
    send: `GET page HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_URL',
  },
  {
    name: 'a target of another scheme',
    send: `GET ftp://app.localhost/ HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'invalid target',
  },
  {
    name: 'a target of authority form for GET',
    send: `GET app.localhost:443 HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 400,
    reason: 'HPE_INVALID_URL',
  },
  { name: 'TRACE', send: `TRACE / HTTP/1.1\r\nHost: app.localhost\r\n${END}`, status: 405, reason: 'method refused' },
  {
    name: 'a head that is too large',
    send: `${HEAD}X-Long: ${'a'.repeat(HEAD_BYTES)}\r\n${END}`,
    status: 431,
    reason: 'HPE_HEADER_OVERFLOW',
  },
  {
    name: 'a target that is too long',
    send: `GET /${'a'.repeat(HEAD_BYTES)} HTTP/1.1\r\nHost: app.localhost\r\n${END}`,
    status: 431,
    reason: 'HPE_HEADER_OVERFLOW',
  },
  {
    name: 'too many header lines',
    send: `${HEAD}${'x: y\r\n'.repeat(256)}${END}`,
    status: 431,
    reason: 'too many header lines',
  },
]

export const refusalRows: readonly Refusal[] = [...hosts, ...lengths, ...syntax]
