import t from 'tap'
import { parseProxyHeader } from '../../src/server/proxy-header.ts'

const V2 = '0d0a0d0a000d0a515549540a'

function v2(hex: string): Buffer {
  return Buffer.from(V2 + hex.replaceAll(' ', ''), 'hex')
}

const complete: readonly (readonly [string, Buffer, string | undefined, number | undefined, number])[] = [
  ['v1 IPv4', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET /'), '192.0.2.1', 56324, 42],
  ['v1 IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n'), '2001:db8::1', 1, 40],
  ['v1 UNKNOWN with anything behind', Buffer.from('PROXY UNKNOWN a b c\r\n'), undefined, undefined, 21],
  ['v2 IPv4', v2('21 11 000c c0000201 c0000202 dc04 01bb'), '192.0.2.1', 56324, 28],
  [
    'v2 IPv6',
    v2('21 21 0024 20010db8000000000000000000000001 20010db8000000000000000000000002 dc04 01bb'),
    '2001:db8::1',
    56324,
    52,
  ],
  [
    'v2 IPv4-mapped is written as IPv4',
    v2('21 21 0024 00000000000000000000ffffc0000201 00000000000000000000ffffc0000202 0001 0002'),
    '192.0.2.1',
    1,
    52,
  ],
  ['v2 with TLVs behind the addresses', v2('21 11 000f c0000201 c0000202 0001 0002 040000'), '192.0.2.1', 1, 31],
  ['v2 LOCAL', v2('20 00 0000'), undefined, undefined, 16],
]

const invalid: readonly (readonly [string, Buffer])[] = [
  ['a request without header', Buffer.from('GET / HTTP/1.1\r\n')],
  ['a TLS ClientHello', Buffer.from('160301020001', 'hex')],
  ['v1 with an address of the other family', Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n')],
  ['v1 with a name', Buffer.from('PROXY TCP4 localhost 127.0.0.1 1 2\r\n')],
  ['v1 with a port out of range', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n')],
  ['v1 with a word too many', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n')],
  ['v1 without an end', Buffer.from('PROXY TCP4 '.padEnd(107, '1'))],
  ['v2 of another version', v2('31 11 000c c0000201 c0000202 dc04 01bb')],
  ['v2 with an unknown command', v2('22 11 000c c0000201 c0000202 dc04 01bb')],
  ['v2 shorter than its family', v2('21 11 0004 c0000201')],
  ['v2 longer than we read', v2('21 11 ffff')],
]

await t.test('a complete header names the visitor', async (t) => {
  for (const [name, bytes, address, port, length] of complete) {
    const header = parseProxyHeader(bytes)
    if (header.kind !== 'complete') {
      t.fail(`${name}: ${header.kind}`)
      continue
    }
    t.equal(header.source?.address, address, name)
    t.equal(header.source?.port, port, name)
    t.equal(header.length, length, name)
  }
})

await t.test('every prefix of a header is incomplete, never invalid', async (t) => {
  for (const [name, bytes, , , length] of complete) {
    for (let end = 0; end < length; end++) {
      const { kind } = parseProxyHeader(bytes.subarray(0, end))
      if (kind !== 'incomplete') t.fail(`${name}: ${kind} after ${end} bytes`)
    }
    t.pass(name)
  }
})

await t.test('anything else is invalid', async (t) => {
  for (const [name, bytes] of invalid) t.equal(parseProxyHeader(bytes).kind, 'invalid', name)
})
