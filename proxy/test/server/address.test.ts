import t from 'tap'
import { addressMatcher, isLoopback, plainAddress } from '../../src/server/address.ts'

await t.test('an IPv4-mapped address is the IPv4 address that it carries', async (t) => {
  t.equal(plainAddress('::ffff:192.0.2.7'), '192.0.2.7')
  t.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  t.equal(plainAddress(undefined), 'unknown')
})

await t.test('loopback is 127.0.0.0/8 and ::1', async (t) => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1']) t.ok(isLoopback(address), address)
  for (const address of ['192.0.2.1', '::', 'unknown', '1.127.0.0']) t.notOk(isLoopback(address), address)
})

await t.test('a matcher knows CIDRs and single addresses of both families', async (t) => {
  const matches = addressMatcher(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
  for (const address of ['10.1.2.3', '192.0.2.1', '2001:db8:1::1']) t.ok(matches(address), address)
  for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', 'unknown', '']) t.notOk(matches(address), address)
  t.notOk(addressMatcher([])('127.0.0.1'))
})
