import { HOSTS, PAGES } from '../grounds.ts'
import { requests } from '../requests.ts'

/** Pages that the app has written and nobody has asked for lately; there are more of them than memory holds. */
export const pageFile = requests({
  name: 'page-file',
  question: 'What does a page file of 10 KB cost the first time, found, opened and read from disk?',
  via: 'http',
  urls: Array.from({ length: PAGES }, (_, page) => ({ host: HOSTS.pages, path: `/page-${page}.html` })),
  environment: { EDGE_MEMORY_CACHE_BYTES: '1mb' },
  cache: 'HIT',
})
