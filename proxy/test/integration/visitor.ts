import { execFile } from 'node:child_process'
import tls from 'node:tls'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Visit = {
  readonly port: number
  /** Server name, and `Host` unless `authority` says otherwise. */
  readonly host: string
  readonly authority?: string
  readonly version?: 'TLSv1.2' | 'TLSv1.3'
  readonly session?: Buffer | undefined
}

export type Visited = {
  readonly reused: boolean
  /** Of the answer; 0 when the connection ended without one. */
  readonly status: number
  /** The tickets that came, oldest first. */
  readonly tickets: readonly Buffer[]
}

/** One request over a TLS connection of its own, as somebody with a ticket, or without. */
export async function visit({ port, host, authority = host, version = 'TLSv1.3', session }: Visit): Promise<Visited> {
  const bounds = { minVersion: version, maxVersion: version }
  const presented = session === undefined ? {} : { session }
  const options = { port, host: '127.0.0.1', servername: host, rejectUnauthorized: false, ...bounds, ...presented }
  const socket = tls.connect(options)
  const tickets: Buffer[] = []
  socket.on('session', (ticket: Buffer) => tickets.push(ticket))
  socket.on('error', () => undefined)
  let text = ''
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')))
  socket.once('secureConnect', () => {
    socket.write(`GET / HTTP/1.1\r\nHost: ${authority}:${port}\r\nConnection: close\r\n\r\n`)
  })
  let reused = false
  socket.once('secureConnect', () => {
    reused = socket.isSessionReused()
    // Of a resumed TLS 1.2 session there is no event: its ticket is there with the handshake.
    if (version === 'TLSv1.2' && reused) tickets.push(socket.getSession() ?? Buffer.alloc(0))
  })
  await new Promise((resolve) => socket.once('close', resolve))
  return { reused, status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), tickets }
}

/** What `openssl s_client` says of one connection. */
export async function openssl(port: number, host: string, ...args: string[]): Promise<string> {
  const client = run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', host, ...args], {
    timeout: 20_000,
  })
  client.child.stdin?.end(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`)
  return (await client).stdout
}
