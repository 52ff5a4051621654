import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { Test } from 'tap'

export interface PurgeCall {
  readonly hosts: readonly string[]
  readonly headers: IncomingHttpHeaders
}

export interface Edge {
  /** As in BLOT_REVERSE_PROXY_URLS. */
  readonly url: string
  readonly calls: PurgeCall[]
  /** What it answers from now on. */
  status: number
  /** Called with each purge, before it is answered. */
  onPurge: ((call: PurgeCall) => void) | undefined
}

/** The purge side of an edge: takes down who is purged. */
export async function startEdge(t: Test): Promise<Edge> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://edge')
    const call = { hosts: url.searchParams.getAll('host'), headers: request.headers }
    if (url.pathname === '/purge' && edge.status === 200) {
      edge.onPurge?.(call)
      edge.calls.push(call)
    }
    response.writeHead(edge.status, { 'content-type': 'text/plain' })
    response.end(call.hosts.map((host) => `${host}: 1\n`).join(''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const edge: Edge = { url: `http://127.0.0.1:${port}`, calls: [], status: 200, onPurge: undefined }
  return edge
}
