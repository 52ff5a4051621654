import type { ServerResponse } from 'node:http'

export interface StatusStreamOptions {
  readonly heartbeatMs?: number
  readonly mostClients?: number
}

/** What a listener is told: a blog was rebuilt, or is gone. */
export interface StatusEvent {
  readonly name: 'rebuilt' | 'removed'
  readonly data: object
}

const mostUnsentBytes = 64 * 1024
const retryAfterMs = 3000

/** Server-sent events (WHATWG HTML, 9.2) to a bounded number of listeners; one that does not read is let go. */
export class StatusStream {
  readonly #mostClients: number
  readonly #clients = new Set<ServerResponse>()
  readonly #heartbeat: NodeJS.Timeout
  #closed = false

  constructor({ heartbeatMs = 15_000, mostClients = 100 }: StatusStreamOptions = {}) {
    this.#mostClients = mostClients
    this.#heartbeat = setInterval(() => this.#write(': heartbeat\n\n'), heartbeatMs).unref()
  }

  /** Whether nobody more can listen. */
  get isFull(): boolean {
    return this.#closed || this.#clients.size >= this.#mostClients
  }

  /** Takes a response over and keeps it open. */
  attach(response: ServerResponse): void {
    this.#clients.add(response)
    response.on('close', () => this.#clients.delete(response))
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-accel-buffering': 'no',
    })
    response.write(`retry: ${retryAfterMs}\n: connected\n\n`)
  }

  send({ name, data }: StatusEvent): void {
    this.#write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`)
  }

  /** Ends every stream, so that its connection can close. */
  close(): void {
    this.#closed = true
    clearInterval(this.#heartbeat)
    for (const client of this.#clients) client.end()
  }

  #write(text: string): void {
    for (const client of this.#clients) {
      if (client.writableLength > mostUnsentBytes) client.destroy()
      else client.write(text)
    }
  }
}
