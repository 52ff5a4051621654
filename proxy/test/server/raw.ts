import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'

/** How long an answer may take before a test gives up on it. */
const DEADLINE_MS = 10_000

export type RawOptions = {
  port: number
  /** Over TLS, with this root and server name. */
  tls?: { ca: string; host: string }
  /** Where the connection comes from: any address of 127.0.0.0/8 is this machine's. */
  from?: string
  /** Sent first, in clear: a PROXY header. */
  before?: Buffer
  /** That, byte by byte. */
  slowly?: boolean
}

export type RawAnswer = { status: number; head: string; body: string }

/** HTTP/1.1 byte for byte. */
export type Raw = {
  send(bytes: string | Buffer): void
  /** The next answer, whole by its Content-Length or the end of the connection; undefined when there is none. */
  answer(): Promise<RawAnswer | undefined>
  /** What came in all, once the edge has closed. */
  rest(): Promise<string>
  destroy(): void
}

export async function openRaw({ port, from, before, slowly = false, tls: secure }: RawOptions): Promise<Raw> {
  const plain = net.connect({ port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) })
  await once(plain, 'connect')
  plain.setNoDelay()
  if (before !== undefined) await write(plain, before, slowly)
  const socket =
    secure === undefined
      ? plain
      : tls.connect({ socket: plain, ca: secure.ca, servername: secure.host, ALPNProtocols: ['http/1.1'] })
  if (secure !== undefined) await once(socket, 'secureConnect')
  let text = ''
  let ended = false
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  })
  // A reset is one of the ways in which an edge may close.
  socket.on('error', () => {})
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      ended = true
      wake()
    })
  }

  function until<Found>(look: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not in time: ${text}`)), DEADLINE_MS)
      wake = () => {
        const found = look()
        if (found === undefined) return
        clearTimeout(timer)
        resolve(found)
      }
      wake()
    })
  }

  function take(): RawAnswer | undefined {
    const end = text.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const head = text.slice(0, end)
    const length = /^content-length: (\d+)$/im.exec(head)?.[1]
    const bodyEnd = length === undefined ? text.length : end + 4 + Number(length)
    if (text.length < bodyEnd || (length === undefined && !ended)) return undefined
    const answer = { status: Number(head.slice(9, 12)), head, body: text.slice(end + 4, bodyEnd) }
    text = text.slice(bodyEnd)
    return answer
  }

  return {
    send: (bytes) => void socket.write(bytes, 'latin1'),
    async answer() {
      const { found } = await until(() => {
        const found = take()
        return found !== undefined || ended ? { found } : undefined
      })
      return found
    },
    async rest() {
      await until(() => ended || undefined)
      return text
    },
    destroy: () => socket.destroy(),
  }
}

async function write(socket: net.Socket, bytes: Buffer, slowly: boolean): Promise<void> {
  const step = slowly ? 1 : bytes.length
  for (let at = 0; at < bytes.length; at += step) {
    // By way of the event loop, so that each is a packet of its own.
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + step), () => setImmediate(resolve)))
  }
}
