import { HOSTS } from '../grounds.ts'
import type { Via } from '../load/requests.ts'
import { requests } from '../requests.ts'

const WAYS = { '': 'http', '-tls': 'tls', '-h2': 'h2' } as const
const NAMES: Readonly<Record<Via, string>> = { http: 'HTTP/1.1', tls: 'HTTP/1.1 and TLS 1.3', h2: 'HTTP/2' }

/** Of all requests the most: a page that is in memory. 10 KB is the size that others are compared with. */
export const memoryHits = Object.entries(WAYS).flatMap(([suffix, via]) =>
  (['10k', '1k', '100k'] as const).map((size) =>
    requests({
      name: `memory-hit${suffix}${size === '10k' ? '' : `-${size}`}`,
      question: `What does a page of ${size.toUpperCase()}B from memory cost over ${NAMES[via]}?`,
      via,
      urls: [{ host: HOSTS.files, path: `/${size}.html` }],
      cache: 'HIT',
    }),
  ),
)
