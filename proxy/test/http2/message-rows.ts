import { FLAG, type Field } from './frames.ts'
import { data, HOST, post, pseudoFields, request, type Row } from './row.ts'

const MALFORMED = 'stream PROTOCOL_ERROR'

function without(name: string): Field[] {
  return pseudoFields().filter(([field]) => field !== name)
}

function withField(name: string, value = 'x'): Buffer[] {
  return [request(1, { extra: [[name, value]] })]
}

function trailers(...fields: readonly Field[]): Buffer[] {
  return [post(1), data(1, 'x', FLAG.NONE), request(1, { pseudo: fields })]
}

/** RFC 9113 8: what a request may look like. */
export const messageRows: readonly Row[] = [
  {
    rule: '8.1 a second HEADERS that does not end the stream',
    send: [post(1), post(1, { pseudo: [['x', 'y']] })],
    expect: MALFORMED,
  },
  { rule: '8.1 a pseudo-header field in trailers', send: trailers([':path', '/']), expect: MALFORMED },

  { rule: '8.2.1 an upper-case name', send: withField('X-Upper'), expect: MALFORMED },
  { rule: '8.2.1 an upper-case name in trailers', send: trailers(['X-Upper', 'y']), expect: MALFORMED },
  { rule: '8.2.1 a space in a name', send: withField('x y'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 a colon in a name', send: withField('x:y'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 CR LF in a name', send: withField('x\r\ny'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 NUL in a name', send: withField('x\0'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 DEL in a name', send: withField('x\x7f'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 a name beyond ASCII', send: withField('x\xe9'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 an empty name', send: withField(''), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 LF in a value', send: withField('x', 'a\nb'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 CR in a value', send: withField('x', 'a\rb'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 NUL in a value', send: withField('x', 'a\0b'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 a value that begins with a space', send: withField('x', ' a'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 a value that ends with a tab', send: withField('x', 'a\t'), expect: MALFORMED, node: '200' },
  { rule: '8.2.1 a colon in a value is a colon', send: withField('x', 'a:b'), expect: '200' },
  { rule: '8.2.1 obs-text in a value passes', send: withField('x', 'caf\xe9'), expect: '200' },

  { rule: '8.2.2 Connection', send: withField('connection', 'keep-alive'), expect: MALFORMED },
  { rule: '8.2.2 Keep-Alive', send: withField('keep-alive', 'timeout=5'), expect: MALFORMED },
  { rule: '8.2.2 Proxy-Connection', send: withField('proxy-connection', 'keep-alive'), expect: MALFORMED },
  {
    rule: '8.2.2 Transfer-Encoding',
    send: [post(1, { extra: [['transfer-encoding', 'chunked']] })],
    expect: MALFORMED,
  },
  { rule: '8.2.2 Upgrade', send: withField('upgrade', 'websocket'), expect: MALFORMED },
  { rule: '8.2.2 TE other than trailers', send: withField('te', 'gzip'), expect: MALFORMED },
  { rule: '8.2.2 TE with more than trailers', send: withField('te', 'trailers, deflate;q=0.5'), expect: MALFORMED },
  { rule: '8.2.2 TE: trailers', send: withField('te', 'trailers'), expect: '200' },

  { rule: '8.3 an unknown pseudo-header field', send: withField(':made-up'), expect: MALFORMED },
  { rule: '8.3 one of answers', send: withField(':status', '200'), expect: MALFORMED },
  {
    rule: '8.3 one behind a field',
    send: [request(1, { pseudo: [['x', 'y'], ...pseudoFields()] })],
    expect: MALFORMED,
  },
  ...[':method', ':scheme', ':path', ':authority'].map((name): Row => {
    const field = pseudoFields().find(([known]) => known === name) ?? [name, '']
    return { rule: `8.3 ${name} twice`, send: [request(1, { pseudo: [...pseudoFields(), field] })], expect: MALFORMED }
  }),
  { rule: '8.3.1 no :method', send: [request(1, { pseudo: without(':method') })], expect: MALFORMED },
  { rule: '8.3.1 no :scheme', send: [request(1, { pseudo: without(':scheme') })], expect: MALFORMED },
  { rule: '8.3.1 no :path', send: [request(1, { pseudo: without(':path') })], expect: MALFORMED },
  { rule: '8.3.1 an empty :path', send: [request(1, { path: '' })], expect: MALFORMED },
  { rule: '8.3.1 a :path without a slash', send: [request(1, { path: 'page' })], expect: MALFORMED },
  { rule: '8.3.1 a :path of * for GET', send: [request(1, { path: '*' })], expect: MALFORMED },
  { rule: '8.3.1 a :path of * for OPTIONS', send: [request(1, { method: 'OPTIONS', path: '*' })], expect: '200' },
  { rule: '8.3.1 a :path with a fragment', send: [request(1, { path: '/#here' })], expect: '400' },
  { rule: '8.3.1 a :path with a space', send: [request(1, { path: '/a b' })], expect: MALFORMED },
  { rule: '8.3.1 a :path with CR LF', send: [request(1, { path: '/\r\nx: y' })], expect: MALFORMED },
  { rule: '8.3.1 a :method with a space', send: [request(1, { method: 'GET /' })], expect: MALFORMED },
  {
    rule: '8.3.1 an :authority with CR LF',
    send: [request(1, { pseudo: [...without(':authority'), [':authority', `${HOST}\r\nx: y`]] })],
    expect: MALFORMED,
  },
  {
    rule: '8.3.1 an :authority with user information',
    send: [request(1, { pseudo: [...without(':authority'), [':authority', `me@${HOST}`]] })],
    expect: MALFORMED,
  },
  {
    rule: '8.3.1 a Host in place of :authority',
    send: [request(1, { pseudo: without(':authority'), extra: [['host', HOST]] })],
    expect: '200',
  },
  { rule: '8.3.1 a Host that says the same', send: withField('host', HOST), expect: '200' },
  { rule: '8.3.1 a Host that says another', send: withField('host', 'other.localhost'), expect: '400' },
  {
    rule: '8.3.1 Host twice',
    send: [
      request(1, {
        extra: [
          ['host', HOST],
          ['host', HOST],
        ],
      }),
    ],
    expect: MALFORMED,
  },
  {
    rule: '8.3.1 neither :authority nor Host',
    send: [request(1, { pseudo: without(':authority') })],
    expect: MALFORMED,
  },

  {
    rule: '8.1.1 a body shorter than Content-Length',
    send: [post(1, { extra: [['content-length', '2']] }), data(1, 'x')],
    expect: MALFORMED,
  },
  {
    rule: '8.1.1 a body longer than Content-Length',
    send: [post(1, { extra: [['content-length', '2']] }), data(1, 'xyz')],
    expect: MALFORMED,
    node: 'connection INTERNAL_ERROR',
  },
  {
    rule: '8.1.1 frames longer than Content-Length',
    send: [post(1, { extra: [['content-length', '2']] }), data(1, 'xy', FLAG.NONE), data(1, 'z')],
    expect: MALFORMED,
    node: 'connection INTERNAL_ERROR',
  },
  {
    rule: '8.1.1 no body under a Content-Length',
    send: [request(1, { method: 'POST', extra: [['content-length', '2']] })],
    expect: MALFORMED,
  },
  {
    rule: '8.1.1 Content-Length twice',
    send: [
      post(1, {
        extra: [
          ['content-length', '1'],
          ['content-length', '1'],
        ],
      }),
      data(1, 'x'),
    ],
    expect: MALFORMED,
  },
  {
    rule: '8.1.1 a Content-Length that is no number',
    send: [post(1, { extra: [['content-length', '1x']] }), data(1, 'x')],
    expect: MALFORMED,
  },
  {
    rule: '8.1.1 a Content-Length that is right',
    send: [post(1, { extra: [['content-length', '1']] }), data(1, 'x')],
    expect: '200',
  },

  {
    rule: '8.5 plain CONNECT',
    send: [
      request(1, {
        pseudo: [
          [':method', 'CONNECT'],
          [':authority', `${HOST}:443`],
        ],
        flags: FLAG.END_HEADERS,
      }),
    ],
    expect: '405',
  },
  {
    rule: '8.5 CONNECT with :scheme and :path',
    send: [request(1, { method: 'CONNECT', flags: FLAG.END_HEADERS })],
    expect: MALFORMED,
  },
]
