import type { FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { createServer, Server } from 'node:net'

/** The admin API on the sockets of the primary. */
export type AdminListener = {
  /** Accepts no more, and ends the event streams. Whatever is under way goes on; `ended` resolves when it is answered. */
  close(): void
  readonly ended: Promise<void>
}

/** How long a connection may be idle after the close: its next answer says that it ends. */
const IDLE_MS = 5000

/** @param fds listening descriptors: one, unless systemd gave several. */
export async function listenAdmin(app: FastifyInstance, fds: readonly number[]): Promise<AdminListener> {
  const { server } = app
  const more = fds.slice(1).map(() => createServer((socket) => server.emit('connection', socket)))
  const servers: Server[] = [server, ...more]
  await Promise.all(
    fds.map(async (fd, i) => {
      const listening = servers[i]?.listen({ fd })
      if (listening !== undefined) await once(listening, 'listening')
    }),
  )
  const ended = Promise.withResolvers<void>()
  let idle: NodeJS.Timeout | undefined
  return {
    close() {
      if (idle !== undefined) return
      // Fastify's part: what never ends by itself is ended, and every answer says that its connection ends.
      void app.close()
      idle = setInterval(() => server.closeIdleConnections(), IDLE_MS)
      // Not as servers of HTTP close: a connection that is idle now may have a request on its way.
      for (const one of servers) Server.prototype.close.call(one)
      void once(server, 'close').then(() => {
        clearInterval(idle)
        ended.resolve()
      })
    },
    ended: ended.promise,
  }
}
