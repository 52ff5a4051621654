import { createServer } from 'node:http'

/**
 * The upstream of pages that expire. Each takes a while to be made. The first time, one is good for a second, later on for an hour. With
 * `stale` in its query it may be sent for longer while it is fetched anew. Anything else says how many were made.
 */

const BODY = Buffer.alloc(10 * 1024, 'a page that expires. ')
const MAKING_MS = 200
const made = new Set<string>()
let count = 0

const server = createServer(({ url = '' }, response) => {
  // The edge asks whether its upstream is well, too: that is no page.
  if (!url.startsWith('/page')) {
    response.end(String(count))
    return
  }
  count++
  const lifetimeS = made.has(url) ? 3600 : 1
  made.add(url)
  setTimeout(() => {
    const stale = url.includes('stale') ? ', stale-while-revalidate=600' : ''
    response.writeHead(200, { 'Content-Type': 'text/html', 'Cache-Control': `max-age=${lifetimeS}${stale}` }).end(BODY)
  }, MAKING_MS)
})
server.keepAliveTimeout = 600_000
server.listen(Number(process.argv[2]), '127.0.0.1')
