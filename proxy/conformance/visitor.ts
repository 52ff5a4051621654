import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { readAnswer, type Answer } from './answer.ts'

/** A connection of a visitor, in bytes. */
export type Visitor = {
  readonly socket: Socket
  send(bytes: string | Buffer): void
  /** Everything that came so far, Latin-1. */
  readonly received: string
  /** Resolves once this holds for what came; false when the connection closed before it did. */
  until(holds: (received: string) => boolean): Promise<boolean>
  /** The answer to a request: whole, or as much of it as came until the connection closed; undefined without a head. */
  answer(method?: string): Promise<Answer | undefined>
  /** Leaves. */
  leave(): void
}

/** @param from an address of this machine. */
export async function visit(port: number, from: string): Promise<Visitor> {
  // Half-open: what a proxy still says to a visitor who has said everything counts.
  const socket = net.connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true })
  await once(socket, 'connect')
  let received = ''
  let closed = false
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    socket.emit('news')
  })
  for (const event of ['end', 'error', 'close']) {
    socket.on(event, () => {
      closed = true
      socket.emit('news')
    })
  }
  async function until(holds: (received: string) => boolean): Promise<boolean> {
    while (!holds(received)) {
      if (closed) return false
      await once(socket, 'news')
    }
    return true
  }
  return {
    socket,
    get received() {
      return received
    },
    send(bytes) {
      socket.write(bytes, 'latin1')
    },
    until,
    async answer(method = 'GET') {
      await until((bytes) => readAnswer(bytes, { method, closed: false })?.whole === true)
      return readAnswer(received, { method, closed })
    },
    leave: () => socket.destroy(),
  }
}
