import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import tls, { TLSSocket, createSecureContext, type SecureContext } from 'node:tls'
import t, { type Test } from 'tap'
import { createTickets, makeTicketKey, type Tickets } from '../../src/certificates/tickets.ts'
import { tlsSettings } from '../../src/certificates/secure-context.ts'
import { makeCertificate } from './factory.ts'

const certificate = await makeCertificate('a.example')

/** A server of one process: a context of its own, whatever keys it is given. */
async function serve(t: Test, tickets: Tickets, spoil: (context: SecureContext) => void = () => undefined) {
  const { chainPem: cert, privateKeyPem: key } = certificate
  const secureContext = createSecureContext({ ...tlsSettings(undefined), cert, key })
  spoil(secureContext)
  const server = createServer((raw) => {
    tickets.attach(secureContext)
    const socket = new TLSSocket(raw, { isServer: true, secureContext })
    socket.on('error', () => undefined)
    socket.once('secure', () => socket.end('hello'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return async (session?: Buffer): Promise<{ reused: boolean; tickets: Buffer[] }> => {
    const { port } = server.address() as AddressInfo
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false }
    const socket = tls.connect({ ...options, ...(session === undefined ? {} : { session }) })
    const got: Buffer[] = []
    socket.on('session', (ticket) => got.push(ticket))
    socket.resume()
    await once(socket, 'secureConnect')
    const reused = socket.isSessionReused()
    await once(socket, 'close')
    return { reused, tickets: got }
  }
}

await t.test('an older key opens its tickets and renews none, so that no session lasts for ever', async (t) => {
  const [older, newer] = [makeTicketKey(0), makeTicketKey(1)]
  const tickets = createTickets()
  tickets.use([older])
  const visit = await serve(t, tickets)
  const full = await visit()
  t.match(await visit(full.tickets[0]), { reused: true, tickets: [Buffer] })
  tickets.use([newer, older])
  t.same(await visit(full.tickets[1]), { reused: true, tickets: [] })
  tickets.use([newer])
  t.match(await visit(full.tickets[1]), { reused: false, tickets: [Buffer, Buffer] })
})

await t.test('without the callback of Node: the newest key, and a ticket good for several visits', async (t) => {
  const tickets = createTickets()
  const visit = await serve(t, tickets, ({ context }: { context: object }) => {
    Object.assign(context, { enableTicketKeyCallback: undefined })
  })
  const {
    tickets: [first],
  } = await visit()
  t.match(await visit(first), { reused: true })
  tickets.use([])
  t.match(await visit(first), { reused: true }, 'no keys change nothing')
  tickets.use([makeTicketKey(1)])
  t.match(await visit(first), { reused: false })
})
