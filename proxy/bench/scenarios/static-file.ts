import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

const SIZES = { '1m': { perSecond: 500, connections: 16 }, '100m': { perSecond: 8, connections: 2 } } as const
const WAYS = { '': 'http', '-tls': 'tls' } as const

/** Files that are too large for memory: streamed, for NGINX by sendfile. */
export const staticFiles = Object.entries(SIZES).flatMap(([size, load]) =>
  Object.entries(WAYS).map(([suffix, via]) =>
    requests({
      name: `static-${size}${suffix}`,
      question: `What does a file of ${size.toUpperCase()}B cost${via === 'tls' ? ' over TLS' : ''}?`,
      via,
      urls: [{ host: HOSTS.files, path: `/${size}.pdf` }],
      ...load,
      cache: 'HIT',
    }),
  ),
)
