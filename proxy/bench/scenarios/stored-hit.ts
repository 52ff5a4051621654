import { HOSTS } from '../grounds.ts'
import { requests, type RequestContest } from '../requests.ts'

/** An answer of the app, as NGINX's `proxy_cache` and the edge store it: here there are no page files. */
const STORED: Omit<RequestContest, 'name' | 'question' | 'environment'> = {
  contestants: ['nginx', 'edge'],
  via: 'http',
  urls: [{ host: HOSTS.cached, path: '/10k.html' }],
  cache: 'HIT',
}

export const storedHits = [
  requests({
    ...STORED,
    name: 'stored-hit',
    question: "What does a stored answer of 10 KB from memory cost, compared with NGINX's proxy_cache?",
    environment: { BLOT_CACHE: 'false' },
  }),
  requests({
    ...STORED,
    name: 'disk-hit',
    question: 'What does a stored answer of 10 KB cost that is not in memory, and read from the disk tier each time?',
    environment: { BLOT_CACHE: 'false', EDGE_MEMORY_CACHE_BYTES: '0' },
  }),
]
