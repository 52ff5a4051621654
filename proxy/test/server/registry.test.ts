import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { pollUntil } from '../until.ts'
import { createRegistry, type Registry, type RegistryLimits } from '../../src/server/registry.ts'
import { PLAIN } from './connection.ts'

type Room = { registry: Registry; server: Server; enter(address: string, exempt?: boolean): Promise<Socket> }

/** A server whose visitors come from any address: `enter` resolves once the registry has judged the connection. */
async function open(t: Test, limits: Partial<RegistryLimits>): Promise<Room> {
  const registry = createRegistry({ maxConnections: 10, maxPerNetwork: 10, openingMs: 60_000, ...limits })
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    registry.close()
    server.close()
  })
  return {
    registry,
    server,
    async enter(address, exempt = false) {
      const visitor = connect((server.address() as AddressInfo).port, '127.0.0.1')
      const [socket] = (await once(server, 'connection')) as [Socket]
      if (registry.add(socket, address, exempt) === undefined) socket.destroy()
      return visitor.resume()
    },
  }
}

await t.test('one address may have so many connections, and gets room again when one closes', async (t) => {
  const { registry, enter } = await open(t, { maxPerNetwork: 2 })
  const first = await enter('192.0.2.1')
  await enter('192.0.2.1')
  await once(await enter('192.0.2.1'), 'close')
  t.equal(registry.count(), 2)
  await enter('192.0.2.2')
  t.equal(registry.count(), 3, 'another address has its own limit')
  first.destroy()
  await pollUntil(() => registry.count() === 2)
  await enter('192.0.2.1')
  t.equal(registry.count(), 3)
})

await t.test('so may one IPv6 network, however many addresses it has', async (t) => {
  const { registry, enter } = await open(t, { maxPerNetwork: 2 })
  const first = await enter('2001:db8:0:1::1')
  await enter('2001:db8:0:1::2')
  await once(await enter('2001:db8:0:1:ffff::3'), 'close')
  await enter('2001:db8:0:2::1')
  t.equal(registry.count(), 3, 'another network has its own limit')
  first.destroy()
  await pollUntil(() => registry.count() === 2)
  await enter('2001:db8:0:1::4')
  t.equal(registry.count(), 3)
})

await t.test('a trusted proxy may have more than one address may', async (t) => {
  const { registry, enter } = await open(t, { maxPerNetwork: 1 })
  await enter('192.0.2.1', true)
  await enter('192.0.2.1', true)
  t.equal(registry.count(), 2)
})

await t.test('beyond the limit for all, even a trusted proxy is refused', async (t) => {
  const { registry, enter } = await open(t, { maxConnections: 1 })
  await enter('192.0.2.1')
  await once(await enter('192.0.2.2', true), 'close')
  t.equal(registry.count(), 1)
})

await t.test('a connection that never gets to a protocol is ended, one that did is left alone', async (t) => {
  const { registry, server, enter } = await open(t, { openingMs: 1 })
  const accepted = once(server, 'connection')
  t.teardown(() => opened.destroy())
  const opened = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await accepted) as [Socket]
  const tracked = registry.add(socket, '192.0.2.3', false)
  if (tracked !== undefined) registry.opened(tracked, PLAIN)
  const silent = await enter('192.0.2.1')
  await once(silent, 'close')
  // The visitor may hear of it before our own end of the connection does.
  while (registry.count() === 2) await new Promise((resolve) => setImmediate(resolve))
  t.equal(registry.count(), 1)
  registry.destroy()
  await registry.empty()
  t.equal(registry.count(), 0)
})
