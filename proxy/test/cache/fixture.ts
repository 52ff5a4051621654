import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { createDeliver } from '../../src/cache/deliver.ts'
import { createFileTier, type FileTier } from '../../src/cache/lookup.ts'
import { createMemory } from '../../src/cache/memory.ts'
import type { Connection, Exchange, Incoming, Outgoing, RequestHead } from '../../src/request.ts'
import { identifySite } from '../../src/site/site.ts'

export type Protocol = 'http1' | 'http2'
export type Ask = { method?: string; headers?: Record<string, string>; host?: string; scheme?: 'http' | 'https' }
export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer }

export const COMMON = ['X-Common', 'yes']
/** Long enough after now for every file that a test has just written to count as settled. */
export const SETTLED_MS = 10_000

/** A clock that stands still until a test moves it. */
export type Clock = { ms: number }

export function createTier(t: Test, directory: string, memoryBytes = 1_000_000): { tier: FileTier; clock: Clock } {
  const clock = { ms: Date.now() + SETTLED_MS }
  const tier = createFileTier({
    cacheDirectory: `${directory}/cache`,
    cdnDirectory: `${directory}/cdn`,
    memory: createMemory(memoryBytes),
    pageFiles: true,
    now: () => clock.ms,
    monotonic: () => clock.ms,
  })
  t.teardown(() => tier.close())
  return { tier, clock }
}

export function headOf(
  target: string,
  { method = 'GET', headers = {}, host = 'a.test', scheme = 'https' }: Ask = {},
): RequestHead {
  const connection: Connection = {
    id: 1,
    address: '127.0.0.1',
    port: 1,
    trusted: false,
    loopback: true,
    scheme,
    localPort: 443,
    serverName: host,
    covers: () => true,
  }
  const site = identifySite(host, 'blot.test', false)
  return {
    method,
    scheme,
    host,
    authority: host,
    target,
    version: '1.1',
    headers,
    rawHeaders: [],
    connection,
    site,
    id: '0'.repeat(32),
  }
}

export function exchangeFor(head: RequestHead, request: Incoming, response: Outgoing): Exchange {
  const found = { cache: undefined, cacheStatus: undefined, upstream: undefined, reason: undefined, lasting: undefined }
  return { head, request, response, ...found, bytes: 0, place: 0 }
}

export type Site = {
  readonly port: number
  /** Exchanges in the order of their beginning. */
  readonly exchanges: readonly Exchange[]
  ask(target: string, ask?: Ask): Promise<Answer>
}

/** A server that answers from the tier, and 404 with the word `app` for what goes to the app. */
export async function serve(t: Test, tier: FileTier, protocol: Protocol): Promise<Site> {
  const exchanges: Exchange[] = []
  const handle = (request: Incoming, response: Outgoing): void => {
    const { 'x-host': host, 'x-scheme': scheme } = request.headers
    const ask: Ask = { method: request.method ?? '', headers: request.headers as Record<string, string> }
    if (typeof host === 'string') ask.host = host
    if (scheme === 'http') ask.scheme = scheme
    const head = headOf(request.url ?? '', ask)
    const exchange = exchangeFor(head, request, response)
    exchanges.push(exchange)
    const found = tier.find(head)
    if (found !== undefined) void createDeliver()(exchange, found, () => COMMON)
    else {
      response.statusCode = 404
      response.end('app')
    }
  }
  const server = protocol === 'http1' ? createServer(handle) : createHttp2Server(handle)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const send = protocol === 'http1' ? askHttp1 : askHttp2
  const ask = (target: string, { method = 'GET', headers = {}, host, scheme }: Ask = {}): Promise<Answer> => {
    const all = { ...headers, ...(host && { 'x-host': host }), ...(scheme && { 'x-scheme': scheme }) }
    return send(port, method, target, all)
  }
  return { port, exchanges, ask }
}

async function askHttp1(port: number, method: string, path: string, headers: Record<string, string>): Promise<Answer> {
  const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: false })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}

async function askHttp2(port: number, method: string, path: string, headers: Record<string, string>): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`)
  try {
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    const [fields] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }]
    return { status: fields[':status'], headers: fields, body: await buffer(stream) }
  } finally {
    session.close()
  }
}

/** The files beneath a directory that this process has open. */
export function openFilesIn(directory: string): string[] {
  return readdirSync('/proc/self/fd')
    .map(targetOf)
    .filter((target) => target.startsWith(`${directory}/`))
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`)
  } catch {
    // The descriptor of the listing itself is gone by now.
    return ''
  }
}

/** Waits for a condition; fails the test if it does not come true in five seconds. */
export async function until(t: Test, message: string, condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 5000
  while (!condition() && Date.now() < deadlineMs) await setTimeout(5)
  t.ok(condition(), message)
}
