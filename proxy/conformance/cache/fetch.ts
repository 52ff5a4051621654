import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

type Init = {
  readonly method?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
}

/** As much of a fetch response as the suite reads; statuses beyond 599 too, which `Response` refuses. */
type Fetched = {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  text(): Promise<string>
}

/** A fetch that goes to a port of loopback, whatever host the URL names: that is for `Host`. It follows no redirect and keeps nothing. */
export function fetchThrough(port: number): (url: string, init?: Init) => Promise<Fetched> {
  return (url, { method = 'GET', headers = [], body } = {}) => {
    const { host, pathname, search } = new URL(url)
    const lines = ['Host', host, ...headers.flatMap(([name, value]) => [name, value])]
    if (body !== undefined) lines.push('Content-Length', String(Buffer.byteLength(body)))
    return new Promise((resolve, reject) => {
      const where = { host: '127.0.0.1', port, path: pathname + search }
      // A flat list keeps repeated lines; the types know of it for answers only.
      const asked = request({ ...where, method, agent: false, headers: lines as never }, (answer) => {
        toFetched(answer).then(resolve, reject)
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

async function toFetched(answer: IncomingMessage): Promise<Fetched> {
  const { statusCode: status = 0, statusMessage: statusText = '', rawHeaders } = answer
  const headers = new Headers()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? '', rawHeaders[i + 1] ?? '')
  const body = await text(answer)
  return { status, statusText, headers, text: () => Promise.resolve(body) }
}
