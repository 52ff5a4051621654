import type { FastifyInstance } from 'fastify'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** The admin API on the sockets of the primary. */
export type AdminListener = {
  /** Accepts no more, and ends the event streams. Whatever is under way goes on; `ended` resolves when it is answered. */
  close(): void
  readonly ended: Promise<void>
}

/** @param fds listening descriptors: one, unless systemd gave several. */
export async function listenAdmin(app: FastifyInstance, fds: readonly number[]): Promise<AdminListener> {
  const { server } = app
  const more = fds.slice(1).map(() => createServer((socket) => server.emit('connection', socket)))
  const servers: Server[] = [server, ...more]
  let isClosing = false
  server.on('request', (_request, response) => {
    // A connection that is kept alive would be waited for in vain.
    response.once('close', () => isClosing && setImmediate(() => server.closeIdleConnections()))
  })
  await Promise.all(
    fds.map(async (fd, i) => {
      const listening = servers[i]?.listen({ fd })
      if (listening !== undefined) await once(listening, 'listening')
    }),
  )
  const ended = Promise.withResolvers<void>()
  return {
    close() {
      if (isClosing) return
      isClosing = true
      // Not by Fastify, which did not open it: its own part is to end what never ends by itself.
      void app.close()
      for (const one of more) one.close()
      server.close(() => ended.resolve())
    },
    ended: ended.promise,
  }
}
