import type { IncomingMessage } from 'node:http'
import t from 'tap'
import type { RequestHead } from '../../src/request.ts'
import { createReceiver, type Refused } from '../../src/server/receive.ts'
import { headOf } from '../cache/fixture.ts'

const { connection } = headOf('/')

function request(host: string): IncomingMessage {
  return { httpVersion: '1.1', headers: { host }, rawHeaders: ['Host', host] } as unknown as IncomingMessage
}

await t.test(
  'hosts that strangers make up, as long as a head may be, take no memory from those that are',
  async (t) => {
    const receive = createReceiver('blot.test', () => '')
    const ask = (host: string): RequestHead | Refused => receive(request(host), { method: 'GET', url: '/' }, connection)
    const siteOf = (host: string): unknown => (ask(host) as RequestHead).site
    const known = siteOf('a.test')
    t.match(known, { kind: 'domain', host: 'a.test' })
    for (let number = 0; number < 10_000; number++) {
      const host = Buffer.from(`${number}.${'a'.repeat(30_000)}`).toString('latin1')
      if (!('status' in ask(host))) t.fail(host)
    }
    t.equal(siteOf('a.test'), known, 'still remembered')
    const longest = `${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61)
    t.equal(siteOf(longest), siteOf(longest), 'a name of 253 bytes is remembered')
    t.match(siteOf(`${longest}.:65535`), { host: longest })
  },
)
