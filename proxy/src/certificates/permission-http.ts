import type { Pool } from 'undici'
import { PermissionUnavailable } from '../errors.ts'
import type { Permission } from './contracts.ts'

const CONNECT_MS = 1_000
/** The answer's status says it all; of its body this much is read so that the connection can be used again. */
const MAX_ANSWER_BYTES = 16 * 1024

/**
 * Asks an HTTP service, `GET <url>?domain=<name>`: 2xx permits, 403 and 404 deny. Anything else, a redirect too, rejects
 * with EDGE_ERR_PERMISSION_UNAVAILABLE; no answer rejects with the error of undici.
 */
export function httpPermission(url: string): Permission {
  const target = new URL(url)
  let pool: Promise<Pool> | undefined
  return {
    async ask(name, signal) {
      const question = new URL(target)
      question.searchParams.set('domain', name)
      const path = question.pathname + question.search
      const { statusCode, body } = await (
        await (pool ??= openPool(target.origin))
      ).request({ method: 'GET', path, signal })
      await body.dump({ limit: MAX_ANSWER_BYTES, signal })
      if (statusCode >= 200 && statusCode < 300) return true
      if (statusCode === 403 || statusCode === 404) return false
      throw new PermissionUnavailable(name, `status ${statusCode}`)
    },
  }
}

/** Loaded at the first question: it is a large part of a process's start, and many processes never ask. */
async function openPool(origin: string): Promise<Pool> {
  const { Pool: UndiciPool } = await import('undici')
  // An idle connection of a pool does not keep the process alive, so that there is nothing to close.
  return new UndiciPool(origin, { connections: 16, connect: { timeout: CONNECT_MS } })
}
