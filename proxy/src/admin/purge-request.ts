import type { RequestHead } from '../request.ts'
import { normaliseName } from '../site/name.ts'
import type { PurgeRequest } from './contracts.ts'
import { hostOf, isCrossSite, isLoopbackHost } from './origin.ts'
import { isToken, PURGE_TOKEN_HEADER } from './token.ts'

/** Names in one request; whoever has more sends more requests, or purges everything. */
export const MAX_PURGE_HOSTS = 1000
const SHOWN_CHARACTERS = 80

type Hosts = { hosts: string[] } | { error: string }

/** @param target the request's, `/purge?host=a&host=b`. The hosts come back normalised, each once, in order. */
export function parsePurgeQuery(target: string): Hosts {
  const mark = target.indexOf('?')
  const parameters = [...new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1))]
  const unknown = parameters.find(([name]) => name !== 'host')
  if (unknown !== undefined) return { error: `unknown parameter ${quote(unknown[0])}: /purge?host=example.com` }
  return normaliseHosts(parameters.map(([, value]) => value))
}

/** @param body parsed JSON: `{ "hosts": ["example.com"] }` or `{ "everything": true }`, not both. */
export function parsePurgeBody(body: unknown): PurgeRequest | { error: string } {
  const expected = 'expected {"hosts": ["example.com"]} or {"everything": true}'
  if (typeof body !== 'object' || body === null) return { error: expected }
  const fields: { hosts?: unknown; everything?: unknown } = body
  const names = Object.keys(fields)
  if (names.length !== 1) return { error: expected }
  if (fields.everything === true) return { all: true }
  if (!Array.isArray(fields.hosts)) return { error: expected }
  const hosts: unknown[] = fields.hosts
  return hosts.every((host) => typeof host === 'string') ? normaliseHosts(hosts) : { error: expected }
}

function normaliseHosts(raw: readonly string[]): Hosts {
  if (raw.length === 0) return { error: 'no host is named: /purge?host=example.com' }
  if (raw.length > MAX_PURGE_HOSTS) return { error: `${raw.length} hosts: at most ${MAX_PURGE_HOSTS} in one request` }
  const hosts = new Set<string>()
  for (const host of raw) {
    const name = normaliseName(host)
    if (name === undefined) return { error: `${quote(host)} is not a host name (without a port): example.com` }
    hosts.add(name)
  }
  return { hosts: [...hosts] }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_CHARACTERS))
}

/** A line a host: `example.com: 12`. */
export function renderPurge(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([host, entries]) => `${host}: ${entries}\n`).join('')
}

const FORWARDING = new Set(['forwarded', 'via', 'x-real-ip', 'client-ip', 'true-client-ip', 'cf-connecting-ip'])

export type PlainPurgeOptions = {
  readonly purgeToken?: string | undefined
  /** Loopback is a trusted proxy: everyone's requests come from there. */
  readonly loopbackTrusted: boolean
}

/**
 * May a request for `/purge` on the plain listener purge? Only a program on this machine that asks for this machine:
 * no proxy in between, and no page in a browser that runs here.
 */
export function mayPurgePlain({ headers, host, connection }: RequestHead, options: PlainPurgeOptions): boolean {
  if (options.loopbackTrusted || connection.trusted) return false
  if (connection.scheme !== 'http' || !connection.loopback || !isLoopbackHost(hostOf(host))) return false
  if (Object.keys(headers).some((name) => FORWARDING.has(name) || name.startsWith('x-forwarded'))) return false
  if (isCrossSite(headers)) return false
  return options.purgeToken === undefined || isToken(headers[PURGE_TOKEN_HEADER], options.purgeToken)
}
