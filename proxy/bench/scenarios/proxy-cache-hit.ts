import { HOSTS } from '../grounds.ts'
import { requests } from '../requests.ts'

/** The same page from what NGINX has instead of a memory tier. Caddy has no cache. */
export const proxyCacheHit = requests({
  name: 'proxy-cache-hit',
  question: "What does a page of 10 KB from memory cost, compared with NGINX's proxy_cache?",
  contestants: ['nginx', 'edge'],
  via: 'http',
  urls: [{ host: HOSTS.cached, path: '/10k.html' }],
  cache: 'HIT',
})
