import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'

type Test = { teardown(end: () => unknown): void }

/** A request as its bytes came in. */
export type Call = {
  /** Request line and header lines, Latin-1. */
  readonly lines: readonly string[]
  readonly socket: Socket
  /** Bytes behind the head so far; grows unless the socket is paused. */
  received: Buffer<ArrayBuffer>
  /** How many requests came over this connection before. */
  readonly earlier: number
  /** Resolves when this text is in what came behind the head. */
  until(text: string): Promise<void>
}

export type Origin = {
  readonly port: number
  readonly calls: Call[]
  close(): Promise<void>
  /** Resolves once every connection that carried a request so far is closed. */
  ended(): Promise<void>
}

/** A server on bare sockets, which can misbehave in every way. The handler gets each head. */
export async function startOrigin(t: Test, handle: (call: Call) => unknown, port = 0): Promise<Origin> {
  const sockets = new Set<Socket>()
  const calls: Call[] = []
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    let pending = Buffer.alloc(0)
    let call: Call | undefined
    let earlier = 0
    socket.on('data', (chunk: Buffer<ArrayBuffer>) => {
      if (call !== undefined && !isOver(call)) {
        call.received = Buffer.concat([call.received, chunk])
        socket.emit('received')
        return
      }
      pending = Buffer.concat([pending, chunk])
      const end = pending.indexOf('\r\n\r\n')
      if (end === -1) return
      const mine: Call = {
        lines: pending.subarray(0, end).toString('latin1').split('\r\n'),
        socket,
        received: pending.subarray(end + 4),
        earlier: earlier++,
        async until(text) {
          while (!mine.received.includes(text, 0, 'latin1')) await once(socket, 'received')
        },
      }
      pending = Buffer.alloc(0)
      call = mine
      calls.push(mine)
      handle(mine)
    })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  t.teardown(close)
  return {
    port: (server.address() as AddressInfo).port,
    calls,
    close,
    async ended() {
      // Not `once`, which would take a reset for a failure.
      const open = calls.filter(({ socket }) => !socket.closed)
      await Promise.all(open.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve))))
    },
  }
}

/** Is the body whole, so that what follows is another request? */
function isOver(call: Call): boolean {
  if (valuesOf(call, 'upgrade').length > 0) return false
  if (valuesOf(call, 'transfer-encoding').length > 0) return call.received.includes('0\r\n\r\n')
  return call.received.length >= Number(valuesOf(call, 'content-length')[0] ?? 0)
}

/** Values of a header in the request that the upstream got, one for each line. */
export function valuesOf({ lines }: Pick<Call, 'lines'>, name: string): string[] {
  const prefix = `${name.toLowerCase()}: `
  return lines.filter((line) => line.toLowerCase().startsWith(prefix)).map((line) => line.slice(prefix.length))
}

/** A whole answer with a length. */
export function plain(body: string, head = 'HTTP/1.1 200 OK'): string {
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
