import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { json } from 'node:stream/consumers'
import type { LoadResult } from '../load.ts'
import type { Requests } from '../requests.ts'

/** Loads a server by autocannon's API, which can do what its command line cannot: a list of hosts and paths. */

type Client = { setRequests(requests: readonly object[]): void }
type Result = {
  duration: number
  errors: number
  latency: { p50: number; p99: number }
  statusCodeStats: Record<string, { count: number }>
}

const require = createRequire(import.meta.url)
const autocannon = require('autocannon') as (options: object) => Promise<Result>

const input = (await json(process.stdin)) as Requests & { port: number; seconds: number }
const { via, urls, headers, bodyFile, status, connections, perSecond, port, seconds } = input
const requests = urls.map(({ host, path }) => ({ path, headers: { ...headers, host: `${host}:${port}` } }))
let clients = 0

const result = await autocannon({
  url: `${via === 'http' ? 'http' : 'https'}://127.0.0.1:${port}`,
  servername: urls[0]?.host,
  connections,
  ...(perSecond === undefined ? { duration: seconds } : { amount: Math.ceil(perSecond * seconds) }),
  ...(bodyFile === undefined ? {} : { method: 'POST', body: readFileSync(bodyFile) }),
  setupClient: (client: Client) => client.setRequests(shareOf(clients++)),
})

const count = result.statusCodeStats[String(status)]?.count ?? 0
const answered = Object.values(result.statusCodeStats).reduce((sum, row) => sum + row.count, 0)
const report: LoadResult = {
  count,
  errors: result.errors + answered - count,
  seconds: result.duration,
  p50Ms: result.latency.p50,
  p99Ms: result.latency.p99,
}
process.stdout.write(JSON.stringify(report))

/** Each connection goes through a part of a list of its own; a list that is too short for that, through all of it. */
function shareOf(client: number): readonly object[] {
  const length = Math.floor(requests.length / connections)
  return length === 0 ? requests : requests.slice(client * length, (client + 1) * length)
}
