import { once } from 'node:events'
import tls from 'node:tls'
import { contest } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import { handshakes, type Handshakes } from '../load/handshakes.ts'
import type { Server } from '../servers/server.ts'

/** One name, whose certificate is in memory. The client sends no request. */
function handshake(name: string, question: string, options: Omit<Handshakes, 'names'>) {
  return contest({
    name,
    question,
    per: 'handshake',
    async check(servers) {
      for (const server of servers) await checkCertificate(server, HOSTS.files, '*.bench.test', options.version)
    },
    loads: () => [handshakes({ names: [HOSTS.files], ...options })],
  })
}

export const handshakeScenarios = [
  handshake('handshake-full', 'What does a full TLS 1.3 handshake cost (P-256, X25519)?', {
    resumed: false,
    version: 'TLSv1.3',
  }),
  handshake('handshake-resumed', 'What does a resumed TLS 1.3 handshake cost?', { resumed: true, version: 'TLSv1.3' }),
  handshake('handshake-resumed-tls12', 'What does a resumed TLS 1.2 handshake cost?', {
    resumed: true,
    version: 'TLSv1.2',
  }),
]

/** Throws unless the server presents the certificate of that name over that version. */
export async function checkCertificate(
  { name, https }: Server,
  servername: string,
  covered: string,
  version: Handshakes['version'],
): Promise<void> {
  const bounds = { minVersion: version, maxVersion: version }
  const socket = tls.connect({ port: https, host: '127.0.0.1', servername, rejectUnauthorized: false, ...bounds })
  await once(socket, 'secureConnect')
  const { subjectaltname = '' } = socket.getPeerCertificate()
  socket.destroy()
  if (!subjectaltname.includes(`DNS:${covered}`)) throw new Error(`${name} has the certificate of ${subjectaltname}`)
}
