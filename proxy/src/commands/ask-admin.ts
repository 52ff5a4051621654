import { request, type RequestOptions } from 'node:http'
import type { AdminAddress } from '../config.ts'
import { bracket } from '../config/bracket.ts'
import { AdminUnavailable, codeOf } from '../errors.ts'

/** How long the edge may be silent, ms, and how much it may say, characters. */
const limitMs = 5000
const limitLength = 1024 * 1024

/**
 * One GET of the admin API of a running edge.
 * @returns the body of a 200.
 * @throws EDGE_ERR_ADMIN_UNAVAILABLE with what to do.
 */
export async function askAdmin(admin: AdminAddress, token: string | undefined, path: string): Promise<string> {
  try {
    return await get({
      ...targetOf(admin),
      path,
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      agent: false,
      signal: AbortSignal.timeout(limitMs),
    })
  } catch (error) {
    const place = admin.kind === 'unix' ? `unix:${admin.path}` : `${bracket(admin.address)}:${admin.port}`
    throw new AdminUnavailable(place, explain(error))
  }
}

/** An edge that listens on every address is asked on loopback. */
function targetOf(admin: AdminAddress): RequestOptions {
  if (admin.kind === 'unix') return { socketPath: admin.path, host: 'localhost' }
  const everywhere = new Map([
    ['::', '::1'],
    ['0.0.0.0', '127.0.0.1'],
  ])
  return { host: everywhere.get(admin.address) ?? admin.address, port: admin.port }
}

function get(options: RequestOptions): Promise<string> {
  const answered = Promise.withResolvers<string>()
  const asking = request(options, (response) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('error', answered.reject)
    response.on('data', (part: string) => {
      text += part
      if (text.length > limitLength) asking.destroy(new Error('it answers without end'))
    })
    response.on('end', () => {
      if (response.statusCode === 200) answered.resolve(text)
      else answered.reject(new Error(refusal(response.statusCode)))
    })
  })
  asking.on('error', answered.reject)
  asking.end()
  return answered.promise
}

function refusal(status: number | undefined): string {
  return status === 401 ? 'it wants the token of EDGE_ADMIN_TOKEN' : `it answered ${status}`
}

function explain(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED' || code === 'ENOENT')
    return 'nobody listens there: is the edge running, and EDGE_ADMIN the same for it?'
  if (code === 'ABORT_ERR') return `nothing within ${limitMs} ms`
  return error instanceof Error ? error.message : String(error)
}
