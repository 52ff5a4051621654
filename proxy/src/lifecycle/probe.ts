import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import type { Config } from '../config.ts'
import { ProbeFailed } from '../errors.ts'
import type { ChildRole } from './child.ts'

/**
 * Asks a new process for its health, over a connection that only the two of them have: a worker with a handshake before it,
 * as visitors do. Rejects unless it answers 200.
 */
export async function probe(
  role: ChildRole,
  connection: Duplex,
  { adminToken }: Pick<Config, 'adminToken'>,
): Promise<void> {
  // Not the certificate is on trial: without a name it is the fallback, and nobody's.
  const socket = role === 'worker' ? connect({ socket: connection, rejectUnauthorized: false }) : connection
  const headers = {
    host: '127.0.0.1',
    connection: 'close',
    'user-agent': 'blot-edge',
    ...(role === 'manager' && adminToken !== undefined && { authorization: `Bearer ${adminToken}` }),
  }
  const status = await new Promise<number>((resolve, reject) => {
    const asking = request({ createConnection: () => socket, path: '/health', headers }, (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
      response.once('error', reject)
    })
    asking.once('error', reject)
    asking.end()
  }).catch((error: unknown) => {
    throw new ProbeFailed(role, error instanceof Error ? error.message : String(error), { cause: error })
  })
  if (status !== 200) throw new ProbeFailed(role, `it answered ${status}`)
}
