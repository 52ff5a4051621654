import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import net, { type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { bindListener } from '../../src/lifecycle/listener.ts'

/**
 * Two workers behind one port, which they share in one of three ways: `descriptor`, `hand-over` or `reuse-port`. They say their
 * pid to whoever asks. Each line that is read replaces them: new ones listen first, then the old ones end with their last
 * connection.
 */

const WORKERS = 2
const LISTENER_FD = 4
const HOST = '127.0.0.1'

const [way, role = 'primary'] = process.argv.slice(2)
if (role === 'primary') await lead()
else await serve()

async function lead(): Promise<void> {
  const bound = way === 'descriptor' ? bindListener(HOST, 0, 'the port') : undefined
  let port = bound?.port ?? 0
  let workers: ChildProcess[] = []

  async function start(): Promise<void> {
    const fresh: ChildProcess[] = []
    // One after the other: the first one finds the port.
    while (fresh.length < WORKERS) {
      const worker = fork(import.meta.filename, [String(way), 'worker', String(port)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...(bound === undefined ? [] : [bound.fd])],
      })
      const [said] = (await once(worker, 'message')) as [{ port: number }]
      port ||= said.port
      fresh.push(worker)
    }
    const old = workers
    workers = fresh
    for (const worker of old) worker.send('drain')
  }

  await start()
  if (way === 'hand-over') {
    let turn = 0
    const server = net.createServer({ pauseOnConnect: true }, (socket) => {
      workers[turn++ % WORKERS]?.send('connection', socket, () => undefined)
    })
    server.listen(0, HOST)
    await once(server, 'listening')
    ;({ port } = server.address() as net.AddressInfo)
  }
  process.stdout.write(`${port}\n`)
  for await (const line of createInterface({ input: process.stdin })) {
    await start()
    process.stdout.write(`${line}\n`)
  }
  process.exit(0)
}

async function serve(): Promise<void> {
  const answer = `HTTP/1.1 200 OK\r\ncontent-length: ${String(process.pid).length}\r\n\r\n${process.pid}`
  const open = new Set<Socket>()
  let isDraining = false

  function take(socket: Socket): void {
    open.add(socket)
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (received.endsWith('\r\n\r\n')) socket.write(answer)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      open.delete(socket)
      endIfDrained()
    })
    socket.resume()
  }

  function endIfDrained(): void {
    if (isDraining && open.size === 0) process.exit(0)
  }

  const server = way === 'hand-over' ? undefined : net.createServer(take)
  process.on('message', (message, socket) => {
    if (message === 'drain') {
      isDraining = true
      server?.close()
      endIfDrained()
    } else if (socket !== undefined) take(socket as Socket)
  })
  process.on('disconnect', () => process.exit(0))
  const port = server === undefined ? 0 : await listen(server)
  process.send?.({ port })
}

async function listen(server: Server): Promise<number> {
  if (way === 'descriptor') server.listen({ fd: LISTENER_FD })
  else server.listen({ host: HOST, port: Number(process.argv[4]), reusePort: true })
  await once(server, 'listening')
  return (server.address() as net.AddressInfo).port
}
