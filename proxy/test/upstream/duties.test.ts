import t, { type Test } from 'tap'
import { startFront, VISITOR } from './front.ts'
import { plain, startOrigin, valuesOf, type Call } from './origin.ts'
import { ask, header, lines, PROTOCOLS, type Ask, type Got, type Protocol } from './visitor.ts'

type Row = {
  duty: string
  answer?: (call: Call) => unknown
  ask?: Ask
  only?: Protocol
  check(t: Test, got: Got, call: Call, protocol: Protocol): unknown
}

const BINARY = Buffer.from(Array.from({ length: 256 }, (_, i) => i))

const rows: Row[] = [
  {
    duty: 'Host reaches the app unchanged',
    ask: { authority: 'Kept.Example:1234' },
    check: (t, _, call) => t.same(valuesOf(call, 'host'), ['Kept.Example:1234']),
  },
  {
    duty: 'forwarding headers of a stranger are replaced',
    ask: {
      headers: lines(`
        x-forwarded-for: 6.6.6.6
        X-Forwarded-Proto: gopher
        x-forwarded-host: evil.example
        x-forwarded-port: 1
        x-real-ip: 6.6.6.6
        forwarded: for=6.6.6.6
        x-request-id: mine`),
    },
    check(t, _, call, protocol) {
      const scheme = protocol === 'HTTP/2' ? 'https' : 'http'
      t.same(valuesOf(call, 'x-forwarded-for'), [VISITOR])
      t.same(valuesOf(call, 'x-forwarded-proto'), [scheme])
      t.same(valuesOf(call, 'x-forwarded-host'), ['site.example:8443'])
      t.same(valuesOf(call, 'x-forwarded-port'), ['8443'])
      t.same(valuesOf(call, 'x-real-ip'), [VISITOR])
      t.same(valuesOf(call, 'forwarded'), [`for=${VISITOR};host="site.example:8443";proto=${scheme}`])
      t.same(valuesOf(call, 'x-request-id'), ['0123456789abcdef0123456789abcdef'])
    },
  },
  {
    duty: 'what is hop-by-hop in a request stays here, by name and by Connection',
    only: 'HTTP/1.1',
    ask: {
      headers: lines(`
        Connection: keep-alive, X-Secret
        X-Secret: 1
        Keep-Alive: 300
        TE: trailers
        Proxy-Authorization: Basic eDp5
        Proxy-Connection: keep-alive
        X-Kept: 1`),
    },
    check(t, _, call) {
      for (const name of ['x-secret', 'keep-alive', 'te', 'proxy-authorization', 'proxy-connection']) {
        t.same(valuesOf(call, name), [], name)
      }
      t.same(valuesOf(call, 'x-kept'), ['1'])
    },
  },
  {
    duty: 'TE in a request stays here',
    only: 'HTTP/2',
    ask: { headers: ['te', 'trailers'] },
    check: (t, _, call) => t.same(valuesOf(call, 'te'), []),
  },
  {
    duty: 'what is hop-by-hop in an answer stays here, by name and by Connection',
    answer: ({ socket }) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=77\r\n' +
          'Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok',
      ),
    check(t, got) {
      for (const name of ['x-secret', 'proxy-authenticate', 'upgrade']) t.same(header(got, name), [], name)
      t.notMatch(header(got, 'keep-alive').join(), '77')
      t.same(header(got, 'x-kept'), ['1'])
      t.equal(got.body.toString(), 'ok')
    },
  },
  {
    duty: 'repeated lines stay apart, in order',
    answer: ({ socket }) =>
      socket.write(plain('', 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2')),
    ask: { headers: ['X-B', '1', 'X-B', '2'] },
    check(t, got, call) {
      t.same(header(got, 'set-cookie'), ['a=1', 'b=2'])
      t.same(header(got, 'x-a'), ['1', '2'])
      t.same(valuesOf(call, 'x-b'), ['1', '2'])
    },
  },
  {
    duty: 'letter case is kept in both directions',
    only: 'HTTP/1.1',
    answer: ({ socket }) => socket.write(plain('', 'HTTP/1.1 299 Just Fine\r\nX-oDD-Case: 1')),
    ask: { headers: ['x-WeIrD', '1'] },
    check(t, got, call) {
      t.ok(got.headers.includes('X-oDD-Case'))
      t.ok(call.lines.includes('x-WeIrD: 1'))
    },
  },
  {
    duty: 'cookie crumbs become one line',
    only: 'HTTP/2',
    ask: { headers: ['cookie', 'a=1', 'cookie', 'b=2'] },
    check: (t, _, call) => t.same(valuesOf(call, 'cookie'), ['a=1; b=2']),
  },
  {
    duty: 'bytes beyond ASCII in header values pass',
    answer: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n', 'latin1'),
    ask: { headers: ['X-Name', 'caf\xe9'] },
    check(t, got, call) {
      t.same(header(got, 'x-name'), ['caf\xe9'])
      t.same(valuesOf(call, 'x-name'), ['caf\xe9'])
    },
  },
  {
    duty: 'answers carry Blot-Upstream and the common headers once, whatever the app sends',
    answer: ({ socket }) =>
      socket.write(
        plain('', 'HTTP/1.1 200 OK\r\nblot-upstream: app\r\nX-Content-Type-Options: sniff\r\nBlot-Server: app'),
      ),
    check(t, got, { socket }) {
      t.same(header(got, 'blot-upstream'), [`127.0.0.1:${socket.localPort}`])
      t.same(header(got, 'x-content-type-options'), ['nosniff'])
      t.same(header(got, 'blot-server'), ['test'])
    },
  },
  {
    duty: "the app's 404 passes",
    answer: ({ socket }) => socket.write(plain('no such post', 'HTTP/1.1 404 Not Found')),
    check(t, got) {
      t.equal(got.status, 404)
      t.equal(got.body.toString(), 'no such post')
    },
  },
  ...[500, 502, 504, 429].map((status): Row => ({
    duty: `a ${status} of the app becomes the offline page, its status kept`,
    answer: ({ socket }) => socket.write(plain('<stack trace>', `HTTP/1.1 ${status} Oh\r\nX-Debug: secret`)),
    check(t, got) {
      t.equal(got.status, status)
      t.match(got.body.toString(), /^page offline/)
      t.same(header(got, 'x-debug'), [])
    },
  })),
  {
    duty: 'a 503 of the app becomes the unavailable page and keeps Retry-After; one hit',
    answer: ({ socket }) => socket.write(plain('down', 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 17')),
    check(t, got) {
      t.equal(got.status, 503)
      t.match(got.body.toString(), /^page unavailable/)
      t.same(header(got, 'retry-after'), ['17'])
    },
  },
  {
    duty: 'a HEAD has the headers of the GET and no body',
    ask: { method: 'HEAD' },
    answer: ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "x"\r\n\r\n'),
    check(t, got, call) {
      t.match(call.lines[0], /^HEAD /)
      t.same(header(got, 'content-length'), ['1234'])
      t.equal(got.body.length, 0)
      t.ok(got.whole)
    },
  },
  {
    duty: 'a 304 has no body and keeps its validators',
    ask: { headers: ['If-None-Match', '"x"'] },
    answer: ({ socket }) => socket.write('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nTrailer: X-Sum\r\n\r\n'),
    check(t, got) {
      t.equal(got.status, 304)
      t.same(header(got, 'etag'), ['"x"'])
      t.ok(got.whole)
    },
  },
  {
    duty: 'a 204 has neither body nor length',
    answer: ({ socket }) => socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'),
    check(t, got) {
      t.equal(got.status, 204)
      t.same(header(got, 'content-length'), [])
      t.ok(got.whole)
    },
  },
  ...['PROPFIND', 'DELETE', 'PURGE', 'M-SEARCH', 'UNSUBSCRIBE', 'QUERY'].map((method): Row => ({
    duty: `${method} passes, with its body`,
    ask: { method, headers: ['Content-Length', '5'], body: 'hello' },
    answer: async (call) => {
      await call.until('hello')
      call.socket.write(plain('ok'))
    },
    check(t, got, call) {
      t.equal(got.status, 200)
      t.equal(call.lines[0], `${method} / HTTP/1.1`)
      t.equal(call.received.toString(), 'hello')
    },
  })),
  {
    duty: 'OPTIONS * passes',
    ask: { method: 'OPTIONS', path: '*' },
    check: (t, _, call) => t.equal(call.lines[0], 'OPTIONS * HTTP/1.1'),
  },
  {
    duty: 'OPTIONS passes',
    ask: { method: 'OPTIONS' },
    check: (t, _, call) => t.equal(call.lines[0], 'OPTIONS / HTTP/1.1'),
  },
  ...['text/plain', 'application/json', 'application/x-www-form-urlencoded', ';;; no type', 'multipart/form-data'].map(
    (type): Row => ({
      duty: `a body passes byte for byte as ${type}`,
      ask: { method: 'POST', headers: ['Content-Type', type, 'Content-Length', '259'], body: [BINARY, 'end'] },
      answer: async (call) => {
        await call.until('end')
        call.socket.write(plain('ok'))
      },
      check(t, got, call) {
        t.equal(got.status, 200)
        t.same(valuesOf(call, 'content-type'), [type])
        t.same(valuesOf(call, 'content-length'), ['259'])
        t.same(call.received, Buffer.concat([BINARY, Buffer.from('end')]))
      },
    }),
  ),
  {
    duty: 'a body of unknown length passes in chunks',
    ask: { method: 'POST', body: ['one', 'two'] },
    answer: async (call) => {
      await call.until('\r\n0\r\n\r\n')
      call.socket.write(plain('ok'))
    },
    check(t, _, call) {
      t.same(valuesOf(call, 'transfer-encoding'), ['chunked'])
      t.equal(call.received.toString().replaceAll(/(^|\r\n)[0-9a-f]+\r\n(\r\n)?/g, ''), 'onetwo')
    },
  },
  {
    duty: 'an empty POST passes',
    ask: { method: 'POST', headers: ['Content-Length', '0'], body: '' },
    check: (t, _, call) => t.same(valuesOf(call, 'content-length'), ['0']),
  },
  ...['/a\\b', '/p/../q', '/..%2f', '/a%2Fb', '//double//', '/[x]', '/a?b?c', '/?', '/%', '/;a=b&c|d'].map(
    (path): Row => ({
      duty: `the target ${path} passes byte for byte`,
      ask: { path },
      check: (t, _, call) => t.equal(call.lines[0], `GET ${path} HTTP/1.1`),
    }),
  ),
  {
    duty: 'a target in raw UTF-8 passes byte for byte',
    // Over HTTP/1.1, Node's parser answers it with 400 before anybody sees it.
    only: 'HTTP/2',
    ask: { path: '/caf\xc3\xa9' },
    check: (t, _, call) => t.equal(call.lines[0], 'GET /caf\xc3\xa9 HTTP/1.1'),
  },
  {
    duty: 'early hints pass',
    answer: ({ socket }) =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nKeep-Alive: x\r\n\r\n${plain('ok')}`),
    check(t, got) {
      t.same(
        got.information.map(({ status }) => status),
        [103],
      )
      t.equal(got.information[0]?.headers['link'], '</a.css>; rel=preload')
      t.notOk(got.information[0]?.headers['keep-alive'])
      t.equal(got.body.toString(), 'ok')
    },
  },
  {
    duty: 'trailers of an answer pass, without those that must not come late',
    answer: ({ socket }) =>
      socket.write(
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\n' +
          'X-Sum: 1\r\nX-Sum: 2\r\nSet-Cookie: late=1\r\nETag: "a"\r\nETag: "b"\r\n\r\n',
      ),
    check(t, got) {
      t.equal(got.body.toString(), 'ok')
      t.match(got.trailers, { 'x-sum': '1, 2' })
      t.notOk('set-cookie' in got.trailers)
      t.ok(got.whole)
    },
  },
  {
    duty: 'an answer without length ends where the upstream closes',
    answer: ({ socket }) => socket.end('HTTP/1.0 200 OK\r\n\r\nold and whole'),
    check(t, got) {
      t.equal(got.body.toString(), 'old and whole')
      t.ok(got.whole)
    },
  },
  {
    duty: 'a second line of a field that should have one passes',
    answer: ({ socket }) => socket.write(plain('ok', 'HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: c/d')),
    check: (t, got) => t.same(header(got, 'content-type'), ['a/b', 'c/d']),
  },
  {
    duty: 'a status beyond 599 makes no crash',
    answer: ({ socket }) => socket.write(plain('ok', 'HTTP/1.1 777 Lucky')),
    check: (t, got, _, protocol) => t.equal(got.status, protocol === 'HTTP/2' ? 502 : 777),
  },
  ...[
    ['a head that is no HTTP', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['two different lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    [
      'length and chunks at once',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a bare line feed in a header', 'HTTP/1.1 200 OK\r\nX-A: 1\nX-B: 2\r\n\x01: 3\r\nContent-Length: 0\r\n\r\n'],
    ['a head of 100 KB', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`],
    [
      'a switch of protocols that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n',
    ],
  ].map(([name, bytes = '']): Row => ({
    duty: `${name}: 502 and the offline page`,
    answer: ({ socket }) => socket.end(bytes),
    check(t, got) {
      t.equal(got.status, 502)
      t.match(got.body.toString(), /^page offline/)
    },
  })),
]

for (const protocol of PROTOCOLS) {
  await t.test(protocol, async (t) => {
    let answer: Row['answer']
    const origin = await startOrigin(t, (call) => (answer ?? (({ socket }) => socket.write(plain('ok'))))(call))
    const front = await startFront(t, { upstreams: [origin.port] })
    for (const row of rows.filter(({ only }) => only === undefined || only === protocol)) {
      await t.test(row.duty, async (t) => {
        answer = row.answer
        const before = origin.calls.length
        const got = await ask(front, protocol, row.ask)
        t.equal(origin.calls.length - before, 1, 'one hit')
        const call = origin.calls.at(-1)
        if (call === undefined) throw new Error('the origin was not asked')
        await row.check(t, got, call, protocol)
      })
    }
  })
}
