import { join } from 'node:path'
import { copyToVault, nameAt } from '../certificates.ts'
import { contest } from '../contest.ts'
import { handshakes } from '../load/handshakes.ts'
import { handOver } from '../machine/owner.ts'
import { CONTESTANTS, type Contestant } from '../servers/server.ts'
import { checkCertificate } from './handshake.ts'

/**
 * Names that are asked for equally often, which is the worst case for whatever is kept in memory. The edge keeps 5,000
 * contexts; NGINX reads from disk each time; Caddy has all in memory from its start.
 */
function namesUniform(label: string, names: number, contestants: readonly Contestant[]) {
  const all = Array.from({ length: names }, (_, index) => nameAt(index))
  const load = { names: all, resumed: false, version: 'TLSv1.3' } as const
  return contest({
    name: `names-${label}`,
    question: `What does a full TLS 1.3 handshake cost when ${names.toLocaleString('en')} names are asked for at random?`,
    per: 'handshake',
    contestants,
    names,
    async prepare({ directory, certificates }) {
      const store = join(directory, `store-${label}`)
      await copyToVault(await certificates(names), join(store, 'certificates'), all)
      handOver(store)
      return { EDGE_STORE: `file:${store}` }
    },
    async check(servers) {
      for (const server of servers) await checkCertificate(server, nameAt(names - 1), nameAt(names - 1), 'TLSv1.3')
    },
    loads: () => [handshakes(load)],
    fill: (server, { signal }) => handshakes({ ...load, once: true }).run(server, { seconds: 0, signal }),
  })
}

export const namesUniformly = [
  namesUniform('1k', 1000, CONTESTANTS),
  // With that many certificates Caddy ends a handshake now and then with an error, and a scenario with errors fails.
  namesUniform('10k', 10_000, ['nginx', 'edge']),
]
