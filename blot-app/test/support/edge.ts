import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { Test } from 'tap'

export interface PurgeCall {
  readonly hosts: readonly string[]
  readonly tags: readonly string[]
  readonly headers: IncomingHttpHeaders
}

export interface Edge {
  /** As in BLOT_REVERSE_PROXY_URLS. */
  readonly url: string
  readonly calls: PurgeCall[]
  /** What it answers from now on. */
  status: number
  /** Like an older one, it takes no notice of tags. */
  ignoresTags: boolean
  /** Called with each purge, before it is answered. */
  onPurge: ((call: PurgeCall) => void) | undefined
}

/** The purge side of an edge: takes down who is purged. */
export async function startEdge(t: Test): Promise<Edge> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://edge')
    const call = {
      hosts: url.searchParams.getAll('host'),
      tags: url.searchParams.getAll('tag'),
      headers: request.headers,
    }
    if (url.pathname === '/purge' && edge.status === 200) {
      edge.onPurge?.(call)
      edge.calls.push(call)
    }
    response.writeHead(edge.status, { 'content-type': 'text/plain' })
    const tags = edge.ignoresTags ? [] : call.tags.map((tag) => `tag ${tag}`)
    response.end([...call.hosts, ...tags].map((name) => `${name}: 1\n`).join(''))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const edge: Edge = { url: `http://127.0.0.1:${port}`, calls: [], status: 200, ignoresTags: false, onPurge: undefined }
  return edge
}
