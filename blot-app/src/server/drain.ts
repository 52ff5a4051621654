import type { FastifyInstance } from 'fastify'

const lookEveryMs = 50

/**
 * Stops taking connections and resolves when the last answer is out. Connections without a request are closed at
 * once, and those that answer one are closed after it instead of waiting for the next.
 */
export async function drainServer(app: FastifyInstance, limitMs = 30_000): Promise<void> {
  const look = setInterval(() => app.server.closeIdleConnections(), lookEveryMs)
  const limit = setTimeout(() => app.server.closeAllConnections(), limitMs)
  try {
    await app.close()
  } finally {
    clearInterval(look)
    clearTimeout(limit)
  }
}
