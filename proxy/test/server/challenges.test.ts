import t from 'tap'
import { StoreUnavailable } from '../../src/errors.ts'
import { serve, talk } from './serve.ts'

await t.test('a CA gets the answer for its token over HTTP, under every host', async (t) => {
  const asked: string[] = []
  const { http } = await serve(t, {
    rooms: {
      async challenge(token) {
        asked.push(token)
        if (token === 'away') throw new StoreUnavailable('it is away')
        return token === 'known' ? 'known.thumbprint' : undefined
      },
    },
  })
  const ask = (host: string, token: string): Promise<string> =>
    talk(t, http, `GET /.well-known/acme-challenge/${token} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      .ended

  for (const host of ['customer.example', 'blot.example', 'handle.blot.example', 'nobody.test', '192.0.2.1']) {
    t.match(await ask(host, 'known'), /^HTTP\/1\.1 200 OK\r\n[^]*no-store[^]*\r\n\r\nknown\.thumbprint$/, host)
  }
  t.match(await ask('customer.example', 'unknown'), /^HTTP\/1\.1 404 /)
  t.match(await ask('customer.example', 'away'), /^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n/)
  const before = asked.length
  for (const token of ['', 'a/b', 'known?x', 'a'.repeat(129), '..%2fknown']) {
    t.match(await ask('customer.example', token), /^HTTP\/1\.1 404 /, token)
  }
  t.equal(asked.length, before, 'what cannot be a token is not looked for')
})
