import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import {
  allPermission,
  cachePermission,
  createPermission,
  httpPermission,
  namesPermission,
  permitOwnNames,
} from '../../src/certificates/permission.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Test } from 'tap'
import type { Permission } from '../../src/certificates/contracts.ts'

const soon = (): AbortSignal => AbortSignal.timeout(5_000)
const UNAVAILABLE = { code: 'EDGE_ERR_PERMISSION_UNAVAILABLE' }

/** A source that a test commands, and a clock that it moves. */
function scripted(): { source: Permission; clock: { ms: number }; asked: string[]; answer: () => Promise<boolean> } {
  const script = {
    asked: [] as string[],
    clock: { ms: 1_000_000 },
    answer: async () => true,
    source: {
      ask: async (name: string) => {
        script.asked.push(name)
        return script.answer()
      },
    },
  }
  return script
}

await t.test('remembers answers, the denied ones more briefly', async (t) => {
  const script = scripted()
  const options = { timeoutMs: 1_000, permittedMs: 60_000, deniedMs: 10_000, now: () => script.clock.ms }
  const permission = cachePermission(script.source, options)
  t.equal(await permission.ask('a.example', soon()), true)
  script.clock.ms += 59_999
  t.equal(await permission.ask('a.example', soon()), true)
  t.equal(script.asked.length, 1)
  script.answer = async () => false
  script.clock.ms += 1
  t.equal(await permission.ask('a.example', soon()), false)
  script.clock.ms += 9_999
  t.equal(await permission.ask('a.example', soon()), false)
  t.equal(script.asked.length, 2)
  script.clock.ms += 1
  script.answer = async () => true
  t.equal(await permission.ask('a.example', soon()), true)
  t.equal(script.asked.length, 3)
})

await t.test('merges questions; one asker that leaves takes nobody along', async (t) => {
  const script = scripted()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  script.answer = () => promise
  const permission = cachePermission(script.source, { timeoutMs: 1_000 })
  const leaving = new AbortController()
  const left = permission.ask('a.example', leaving.signal)
  const asked = Array.from({ length: 20 }, () => permission.ask('a.example', soon()))
  leaving.abort(new Error('gone'))
  await t.rejects(left, { message: 'gone' })
  resolve(true)
  t.same(new Set(await Promise.all(asked)), new Set([true]))
  t.same(script.asked, ['a.example'])
})

await t.test('a source that fails is stood in for by its last answer, for a day', async (t) => {
  const script = scripted()
  const permission = cachePermission(script.source, { timeoutMs: 1_000, now: () => script.clock.ms })
  await permission.ask('yes.example', soon())
  script.answer = async () => false
  await permission.ask('no.example', soon())
  script.answer = async () => Promise.reject(new Error('away'))
  script.clock.ms += 3600_000
  t.equal(await permission.ask('yes.example', soon()), true)
  t.equal(await permission.ask('no.example', soon()), false)
  t.equal(script.asked.length, 4)
  t.equal(await permission.ask('yes.example', soon()), true)
  t.equal(script.asked.length, 4, 'the source is left alone for a while')
  await t.rejects(permission.ask('new.example', soon()), UNAVAILABLE, 'fails closed')
  script.clock.ms += 24 * 3600_000
  await t.rejects(permission.ask('yes.example', soon()), UNAVAILABLE)
  script.answer = async () => true
  t.equal(await permission.ask('yes.example', soon()), true, 'a failure is not remembered')
})

await t.test('a source that hangs is given up', async (t) => {
  const permission = cachePermission({ ask: () => new Promise(() => {}) }, { timeoutMs: 20 })
  await t.rejects(permission.ask('a.example', soon()), UNAVAILABLE)
})

await t.test('forgets on request, and is bounded in names and questions', async (t) => {
  const script = scripted()
  const permission = cachePermission(script.source, { timeoutMs: 20, maxNames: 2, maxQuestions: 2 })
  await permission.ask('a.example', soon())
  permission.forget('a.example')
  await permission.ask('a.example', soon())
  t.equal(script.asked.length, 2)
  await permission.ask('b.example', soon())
  await permission.ask('c.example', soon())
  await permission.ask('a.example', soon())
  t.equal(script.asked.length, 5, 'a was crowded out')

  script.answer = () => new Promise(() => {})
  const open = ['x.example', 'y.example'].map((name) => permission.ask(name, soon()).catch(() => false))
  await t.rejects(permission.ask('z.example', soon()), UNAVAILABLE)
  await Promise.all(open)
})

await t.test('a name forgotten while its question is open is asked again', async (t) => {
  const script = scripted()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  script.answer = () => promise
  const permission = cachePermission(script.source, { timeoutMs: 1_000 })
  const early = permission.ask('a.example', soon())
  permission.forget('a.example')
  script.answer = async () => false
  t.equal(await permission.ask('a.example', soon()), false)
  resolve(true)
  t.equal(await early, true)
  t.equal(await permission.ask('a.example', soon()), false)
})

async function serve(t: Test, handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('no port')
  return `http://127.0.0.1:${address.port}`
}

await t.test('over HTTP: the status decides', async (t) => {
  const targets: string[] = []
  const origin = await serve(t, (request, response) => {
    targets.push(request.url ?? '')
    const name = new URL(request.url ?? '', 'http://x').searchParams.get('domain') ?? ''
    const status = Number(name.split('.')[0]?.slice(1))
    response.writeHead(status, status === 302 ? { location: '/permission?domain=s200.example' } : {})
    response.end('x'.repeat(10))
  })
  const permission = httpPermission(`${origin}/permission?key=1`)
  for (const status of [200, 204]) t.equal(await permission.ask(`s${status}.example`, soon()), true)
  for (const status of [403, 404]) t.equal(await permission.ask(`s${status}.example`, soon()), false)
  for (const status of [302, 400, 401, 429, 500, 503]) {
    await t.rejects(permission.ask(`s${status}.example`, soon()), UNAVAILABLE, String(status))
  }
  t.equal(targets[0], '/permission?key=1&domain=s200.example')
})

await t.test('over HTTP: a large answer is not read to its end, a silent one is given up', async (t) => {
  const origin = await serve(t, (request, response) => {
    if (request.url?.includes('large') === true) {
      response.writeHead(200)
      const pour = (): void => {
        while (response.writable && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', pour)
      pour()
    }
  })
  const permission = httpPermission(`${origin}/permission`)
  t.equal(await permission.ask('large.example', soon()), true)
  await t.rejects(permission.ask('silent.example', AbortSignal.timeout(50)), { name: 'TimeoutError' })
  const gone = httpPermission('http://127.0.0.1:1/permission')
  await t.rejects(gone.ask('a.example', soon()), { code: 'ECONNREFUSED' })
})

await t.test('what configuration permits by itself', async (t) => {
  const others = namesPermission(['own.example', 'preview-x.blot.im', 'localhost'])
  const local = permitOwnNames({ blotHost: 'blot.im', issuerKind: 'local', wildcard: false }, others)
  const none = permitOwnNames({ blotHost: 'blot.im', issuerKind: 'none', wildcard: false }, others)
  const wildcard = permitOwnNames({ blotHost: 'blot.im', issuerKind: 'none', wildcard: true }, others)
  for (const name of ['blot.im', 'www.blot.im', 'cdn.blot.im', 'webhooks.blot.im', 'own.example']) {
    for (const permission of [local, none, wildcard]) t.equal(await permission.ask(name, soon()), true, name)
  }
  for (const name of ['garden.blot.im', 'a.cdn.blot.im', 'blot.im.example', 'www.own.example']) {
    for (const permission of [local, none, wildcard]) t.equal(await permission.ask(name, soon()), false, name)
  }
  t.equal(await local.ask('preview-x.blot.im', soon()), true)
  t.equal(await none.ask('preview-x.blot.im', soon()), false)
  t.equal(await wildcard.ask('preview-x.blot.im', soon()), true)
  t.equal(await local.ask('localhost', soon()), true)
  t.equal(await none.ask('localhost', soon()), false)
  t.equal(await allPermission().ask('anything.example', soon()), true)
  const acme = permitOwnNames({ blotHost: 'blot.im', issuerKind: 'acme', wildcard: false }, others)
  t.equal(await acme.ask('preview-x.blot.im', soon()), false, 'no public CA is asked for a preview')
  t.equal(await acme.ask('localhost', soon()), false)
  const dns = permitOwnNames({ blotHost: 'blot.im', issuerKind: 'acme', wildcard: false, wildcardOrders: true }, others)
  for (const permission of [local, none, wildcard, acme]) t.equal(await permission.ask('*.blot.im', soon()), false)
  t.equal(await dns.ask('*.blot.im', soon()), true)
  t.equal(await dns.ask('*.own.example', soon()), false)
})

await t.test('knows without asking what was permitted', async (t) => {
  const script = scripted()
  const permission = cachePermission(script.source, { timeoutMs: 1_000, now: () => script.clock.ms })
  t.equal(permission.isKnown('a.example'), false)
  await permission.ask('a.example', soon())
  script.clock.ms += 3600_000
  t.equal(permission.isKnown('a.example'), true)
  script.answer = async () => false
  await permission.ask('a.example', soon())
  t.equal(permission.isKnown('a.example'), false)
  t.equal(script.asked.length, 2)
})

await t.test('the permission of a configuration', async (t) => {
  const own = { blotHost: 'blot.im', issuerKind: 'local', wildcard: false } as const
  const names = createPermission({ source: { kind: 'names', names: ['a.example'] }, store: undefined, own })
  t.equal(await names.ask('a.example', soon()), true)
  t.equal(await names.ask('blot.im', soon()), true)
  t.equal(await names.ask('b.example', soon()), false)
  const store = createPermission({ source: { kind: 'store' }, store: namesPermission(['b.example']), own })
  t.equal(await store.ask('b.example', soon()), true)
  t.throws(() => createPermission({ source: { kind: 'store' }, store: undefined, own }), TypeError)
})
