import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** Opens many connections, makes one request on each, says `ready`, and holds them until its input ends. */

type Input = { port: number; tls: boolean; host: string; connections: number }

const OPENING = 32
const input = JSON.parse(process.argv[2] ?? '{}') as Input
const request = `GET /1k.html HTTP/1.1\r\nHost: ${input.host}\r\n\r\n`
let opened = 0

await Promise.all(Array.from({ length: OPENING }, open))
process.stdout.write('ready\n')
await once(process.stdin.resume(), 'end')
process.exit(0)

async function open(): Promise<void> {
  while (opened < input.connections) {
    opened++
    const address = { port: input.port, host: '127.0.0.1' }
    const socket = input.tls
      ? tls.connect({ ...address, servername: input.host, rejectUnauthorized: false })
      : net.connect(address)
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server closed an idle connection')))
    socket.write(request)
    await answered(socket)
  }
}

/** Waits for the whole answer: a head, and the 1,024 bytes behind it. */
async function answered(socket: net.Socket): Promise<void> {
  let received = ''
  for (let end = -1; end === -1 || received.length < end + 4 + 1024; end = received.indexOf('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    received += chunk.toString('latin1')
  }
  if (!received.startsWith('HTTP/1.1 200 ')) fail(new Error(`unexpected answer: ${received.slice(0, 100)}`))
}

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
