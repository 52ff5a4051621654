import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

type Test = { teardown(end: () => unknown): void }

/** A webhook as the app got it. */
export type Received = {
  readonly method: string
  readonly target: string
  /** By name, in lower case. */
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly id: string
  readonly attempt: number
}

export type App = {
  readonly port: number
  /** Every webhook that it got whole, in order. */
  readonly received: Received[]
  /** What it does with one; 200 at first. */
  reply: (received: Received, response: ServerResponse) => void
  /** What it says of itself, on `/health`. */
  health: (response: ServerResponse) => void
  away(): Promise<void>
  back(): Promise<void>
}

/** An app that can go away, and comes back on its port. */
export async function startApp(t: Test): Promise<App> {
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers, rawHeaders } = request
    if (target === '/health') {
      app.health(response)
      return
    }
    const body = await buffer(request)
    const [id, attempt] = ['edge-webhook-id', 'edge-webhook-attempt'].map((name) => String(headers[name]))
    const received = { method, target, headers, rawHeaders, body, id: id ?? '', attempt: Number(attempt) }
    app.received.push(received)
    app.reply(received, response)
  }
  // A visitor who vanishes leaves half of a body.
  const create = (): http.Server => http.createServer((...exchange) => void handle(...exchange).catch(() => undefined))
  let server = create().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const app: App = {
    port,
    received: [],
    reply: (_received, response) => void response.end('taken'),
    health: (response) => void response.end('ok'),
    async away() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
    async back() {
      server = create().listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
  }
  t.teardown(() => app.away())
  return app
}

export function status(code: number, headers: Record<string, string> = {}): App['reply'] {
  return (_received, response) => void response.writeHead(code, headers).end(`the app says ${code}`)
}
