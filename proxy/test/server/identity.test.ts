import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { startEdge, type RunningEdge, temporaryDirectory } from '../integration/edge.ts'
import { openRaw, type RawOptions } from './raw.ts'

const HOST = 'app.localhost'
/** The proxy in front of the edge. All of 127.0.0.0/8 is this machine; only this address is trusted. */
const PROXY = '127.0.0.1'
const STRANGER = '127.0.0.2'
const V2_SIGNATURE = '0d0a0d0a000d0a515549540a'

const origin = createServer((request, response) => response.end(JSON.stringify(request.headers)))
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
t.teardown(() => {
  origin.close()
  origin.closeAllConnections()
})

function start(t: Test, directory: string, environment: Record<string, string>): Promise<RunningEdge> {
  const upstream = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
  return startEdge(t, { args: ['dev', '--upstream', upstream, '--host', HOST], directory, environment })
}

function v1(line: string): Buffer {
  return Buffer.from(`PROXY ${line}\r\n`)
}

function v2(hex: string): Buffer {
  return Buffer.from(V2_SIGNATURE + hex.replaceAll(' ', ''), 'hex')
}

type Seen = Record<string, string>

/** What the app saw of a request with these header lines; undefined when the edge closed without an answer. */
async function ask(options: RawOptions, lines: readonly string[] = []): Promise<Seen | undefined> {
  const raw = await openRaw(options)
  const head = ['GET / HTTP/1.1', `Host: ${HOST}`, 'Connection: close', ...lines]
  raw.send(`${head.join('\r\n')}\r\n\r\n`)
  const answer = await raw.answer()
  raw.destroy()
  return answer === undefined ? undefined : (JSON.parse(answer.body) as Seen)
}

function lanes(edge: RunningEdge): readonly (readonly [string, RawOptions])[] {
  return [
    ['plain', { port: edge.http }],
    ['TLS', { port: edge.https, tls: { ca: edge.ca, host: HOST } }],
  ]
}

const forged = [
  'X-Forwarded-For: 203.0.113.9',
  'X-Real-IP: 203.0.113.9',
  'X-Forwarded-Proto: gopher',
  'X-Forwarded-Host: evil.example',
  'X-Forwarded-Port: 1',
  'Forwarded: for=203.0.113.9',
  'X-Request-ID: made-up',
]

await t.test('forwarding headers', async (t) => {
  const edge = await start(t, temporaryDirectory(t), { EDGE_TRUSTED_PROXIES: `${PROXY}/32` })
  for (const [lane, options] of lanes(edge)) {
    const scheme = lane === 'TLS' ? 'https' : 'http'

    await t.test(`${lane}: what a stranger says of himself is replaced`, async (t) => {
      const seen = await ask({ ...options, from: STRANGER }, forged)
      t.match(seen, {
        'x-forwarded-for': /^127\.0\.0\.2$/,
        'x-real-ip': /^127\.0\.0\.2$/,
        'x-forwarded-proto': scheme,
        'x-forwarded-host': HOST,
        forwarded: `for=127.0.0.2;host=${HOST};proto=${scheme}`,
        'x-request-id': /^[0-9a-f]{32}$/,
      })
      t.notMatch(JSON.stringify(seen), /203\.0\.113\.9|evil|gopher|made-up/)
    })

    await t.test(`${lane}: repeated, misspelt and hop-by-hop lines make nothing up either`, async (t) => {
      const lines = [
        'X_Forwarded_For: 203.0.113.9',
        'x-real_ip: 203.0.113.9',
        'x-forwarded-for: 203.0.113.9',
        'X-FORWARDED-FOR: 203.0.113.9',
        'Connection: X-Real-IP',
        ...forged,
      ]
      const seen = await ask({ ...options, from: STRANGER }, lines)
      t.equal(seen?.['x-forwarded-for'], STRANGER)
      t.equal(seen?.['x-real-ip'], STRANGER)
      t.notMatch(JSON.stringify(seen), /203\.0\.113\.9/)
    })

    await t.test(`${lane}: what a trusted proxy says is kept, and added to`, async (t) => {
      const said = ['X-Forwarded-For: 198.51.100.7', 'X-Real-IP: 198.51.100.7', 'Forwarded: for=198.51.100.7']
      const seen = await ask({ ...options, from: PROXY }, [...said, 'X-Forwarded-Proto: https'])
      t.equal(seen?.['x-forwarded-for'], `198.51.100.7, ${PROXY}`)
      t.equal(seen?.['x-real-ip'], '198.51.100.7')
      t.equal(seen?.['x-forwarded-proto'], 'https')
      t.match(seen?.['forwarded'], /^for=198\.51\.100\.7, for=127\.0\.0\.1;/)
    })

    await t.test(`${lane}: without the PROXY protocol, a PROXY header is no request`, async (t) => {
      const raw = await openRaw({ ...options, from: PROXY })
      raw.send('PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n')
      t.equal((await raw.answer())?.status, 400)
      raw.destroy()
    })
  }
})

await t.test('the PROXY protocol', async (t) => {
  const edge = await start(t, temporaryDirectory(t), {
    EDGE_TRUSTED_PROXIES: `${PROXY}/32`,
    EDGE_PROXY_PROTOCOL: 'true',
  })
  const headers: readonly (readonly [string, Buffer, string])[] = [
    ['v1, IPv4', v1('TCP4 198.51.100.7 127.0.0.1 4000 443'), '198.51.100.7'],
    ['v1, IPv6', v1('TCP6 2001:db8::7 ::1 4000 443'), '2001:db8::7'],
    ['v1, unknown', v1('UNKNOWN'), PROXY],
    ['v2, IPv4', v2('21 11 000c c6336407 7f000001 0fa0 01bb'), '198.51.100.7'],
    ['v2, IPv6', v2(`21 21 0024 20010db8${'0'.repeat(22)}07 ${'0'.repeat(31)}1 0fa0 01bb`), '2001:db8::7'],
    ['v2, IPv4 as IPv6', v2(`21 21 0024 ${'0'.repeat(20)}ffffc6336407 ${'0'.repeat(31)}1 0fa0 01bb`), '198.51.100.7'],
    ['v2, with more behind the addresses', v2('21 11 0010 c6336407 7f000001 0fa0 01bb 04 0001 00'), '198.51.100.7'],
    ['v2, local', v2('20 00 0000'), PROXY],
  ]
  const invalid: readonly (readonly [string, Buffer])[] = [
    ['none', Buffer.alloc(0)],
    ['v1 of another family', v1('TCP4 ::1 ::1 1 2')],
    ['v1 without an end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
    ['v2 with an unknown command', v2('2f 11 000c c6336407 7f000001 0fa0 01bb')],
    ['v2 that is too short', v2('21 11 0004 c6336407')],
    ['v2 that is too long', v2('21 11 ffff c6336407')],
  ]
  for (const [lane, options] of lanes(edge)) {
    await t.test(`${lane}: the app and the log have the address of the header`, async (t) => {
      for (const [name, before, address] of headers) {
        const seen = await ask({ ...options, from: PROXY, before })
        t.equal(seen?.['x-real-ip'], address, name)
        t.equal(seen?.['x-forwarded-for'], address, name)
        const { log } = edge
        const requestId = seen?.['x-request-id']
        await edge.logged((line) => line['requestId'] === requestId)
        t.equal(log.find((line) => line['requestId'] === requestId)?.['address'], address, `${name}: log`)
      }
    })

    await t.test(`${lane}: the sender of the header does not vouch for what is behind it`, async (t) => {
      const seen = await ask({ ...options, from: PROXY, before: v1('TCP4 198.51.100.7 127.0.0.1 4000 443') }, forged)
      t.equal(seen?.['x-forwarded-for'], '198.51.100.7')
      t.equal(seen?.['x-real-ip'], '198.51.100.7')
      t.notMatch(JSON.stringify(seen), /203\.0\.113\.9|evil/)
    })

    await t.test(`${lane}: a trusted proxy behind the header is believed`, async (t) => {
      const before = v1(`TCP4 ${PROXY} 127.0.0.1 4000 443`)
      const seen = await ask({ ...options, from: PROXY, before }, ['X-Forwarded-For: 198.51.100.7'])
      t.equal(seen?.['x-forwarded-for'], `198.51.100.7, ${PROXY}`)
    })

    await t.test(`${lane}: a stranger speaks without a header, and is not heard with one`, async (t) => {
      t.equal((await ask({ ...options, from: STRANGER }))?.['x-real-ip'], STRANGER)
      const before = v1('TCP4 203.0.113.9 127.0.0.1 1 2')
      const asking = ask({ ...options, from: STRANGER, before })
      if (lane === 'TLS') await t.rejects(asking, 'there is no TLS')
      else await t.rejects(asking, SyntaxError, 'it is a request that is none: a page, and not the app')
    })

    await t.test(`${lane}: a header that comes byte by byte is one`, async (t) => {
      for (const [name, before, address] of headers.slice(0, 4)) {
        const seen = await ask({ ...options, from: PROXY, before, slowly: true })
        t.equal(seen?.['x-real-ip'], address, name)
      }
    })
  }

  await t.test('a connection with an invalid header is closed without a word', async (t) => {
    for (const [name, before] of invalid) {
      const raw = await openRaw({ port: edge.http, from: PROXY, before })
      raw.send('GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n')
      t.equal(await raw.rest(), '', name)
    }
  })
})
