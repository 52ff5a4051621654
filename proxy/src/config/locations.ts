import { isIP } from 'node:net'
import { resolve } from 'node:path'
import * as v from 'valibot'
import { normaliseName } from '../site/name.ts'
import { bracket } from './bracket.ts'
import { Unfit } from './kinds.ts'
import { integer } from './schema.ts'
import { parseSentinelUrl, sentinelForm } from './sentinel-url.ts'

/** Kinds of value that say where something is: URLs, addresses with a port, lists of them. */

/** Bytes of a Unix socket's path: `sun_path` of the smaller systems (macOS) less its closing NUL. */
const socketPathBytes = 103

/** Where the admin API listens: an address and a port, or a Unix socket. */
export const adminAddress = {
  schema: v.union([
    v.object({
      kind: v.literal('tcp'),
      address: v.string(),
      port: integer(0, 65535),
    }),
    v.object({ kind: v.literal('unix'), path: v.string() }),
  ]),
  right: 'an IP address and a port such as 127.0.0.1:8077 or [::1]:8077, or unix:/path',
  parse(text: string, directory: string) {
    if (text.startsWith('unix:')) return parseSocketPath(text.slice('unix:'.length), directory)
    const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
    const address = bracketed ?? plain ?? ''
    if (isIP(address) !== (bracketed === undefined ? 4 : 6)) return undefined
    return { kind: 'tcp', address, port: Number(digits) }
  },
  show: (admin: { kind: 'tcp'; address: string; port: number } | { kind: 'unix'; path: string }) =>
    admin.kind === 'unix' ? `unix:${admin.path}` : `${bracket(admin.address)}:${admin.port}`,
}

function parseSocketPath(text: string, directory: string): unknown {
  if (text === '' || text.includes('\0')) return undefined
  const path = resolve(directory, text)
  if (Buffer.byteLength(path) > socketPathBytes) return new Unfit(`a socket path of at most ${socketPathBytes} bytes`)
  return { kind: 'unix', path }
}

/** Origin servers behind the edge. A backup is asked only while every other one is away. */
export const upstreams = {
  schema: v.pipe(v.array(v.object({ url: v.string(), backup: v.boolean() })), v.minLength(1)),
  right: 'comma-separated origins such as http://10.0.0.1:8080, each with ;backup after it or not, one of them without',
  parse(text: string) {
    const list = splitList(text).map((item) => {
      const [origin = '', option, ...rest] = item.split(';').map((part) => part.trim())
      const valid = rest.length === 0 && (option === undefined || option === 'backup')
      return { url: valid ? parseOrigin(origin) : undefined, backup: option === 'backup' }
    })
    return list.every((upstream) => upstream.backup) || hasTwice(list.map((upstream) => upstream.url))
      ? undefined
      : list
  },
  show: (list: readonly { url: string; backup: boolean }[]) =>
    list.map((upstream) => `${upstream.url}${upstream.backup ? ';backup' : ''}`).join(', '),
}

/** Paths of a site, as they are sent: compared byte for byte, without a query. */
export const paths = {
  schema: v.pipe(v.array(v.pipe(v.string(), v.maxLength(512), v.regex(/^\/[!-"$->@-~]*$/))), v.maxLength(20)),
  right: 'comma-separated paths such as /clients/dropbox/webhook, without query, or none',
  parse: (text: string) => (text === 'none' ? [] : splitList(text)),
  show: (list: readonly string[]) => (list.length === 0 ? 'none' : list.join(',')),
}

const storeForms = `file:FOLDER, redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss://… or ${sentinelForm}`

/** The store: a folder of this machine, or a Redis that machines share. */
export const storeLocation = {
  schema: v.union([
    v.object({ kind: v.literal('file'), directory: v.string() }),
    v.object({ kind: v.literal('redis'), url: v.string() }),
  ]),
  right: storeForms,
  parse(text: string, directory: string) {
    const folder = /^file:(?:\/\/(?=\/))?(.+)$/s.exec(text)?.[1]
    if (folder !== undefined)
      return folder.includes('\0') ? undefined : { kind: 'file', directory: resolve(directory, folder) }
    const isRedis = isRedisUrl(text) || parseSentinelUrl(text) !== undefined
    return isRedis ? { kind: 'redis', url: text } : undefined
  },
  show: (store: { kind: 'file'; directory: string } | { kind: 'redis'; url: string }) =>
    store.kind === 'file' ? `file:${store.directory}` : maskPassword(store.url),
}

function isRedisUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || !isHost(url.hostname) || url.search !== '' || url.hash !== '') return false
  return /^rediss?:$/.test(url.protocol) && /^(\/\d{0,5})?$/.test(url.pathname)
}

/** Redis by host alone, the way Blot's own environment names it. */
export const redisHost = {
  schema: v.string(),
  right: 'a host name or IP address, with :PORT after it or not',
  parse(text: string) {
    const url = /[/?#@]/.test(text) ? null : URL.parse(`redis://${bracket(text)}`)
    return url !== null && isHost(url.hostname) ? `redis://${url.hostname}:${url.port || '6379'}` : undefined
  },
  show: (url: string) => url.slice('redis://'.length),
}

type PermissionValue =
  { kind: 'store' } | { kind: 'http'; url: string } | { kind: 'names'; names: string[] } | { kind: 'all' }

/** Who says whether a name may have a certificate. A list of names comes from the command line only. */
export const permissionSource = {
  schema: v.union([
    v.object({ kind: v.literal('store') }),
    v.object({ kind: v.literal('http'), url: v.string() }),
    v.object({ kind: v.literal('names'), names: v.array(v.string()) }),
    v.object({ kind: v.literal('all') }),
  ]),
  right: 'store, all, or the http:// or https:// URL that is asked with ?domain=',
  parse(text: string) {
    if (text === 'store' || text === 'all') return { kind: text }
    const url = parseHttpUrl(text)
    return url === undefined || url.hash !== '' ? undefined : { kind: 'http', url: url.href }
  },
  show(permission: PermissionValue) {
    if (permission.kind === 'http') return permission.url
    return permission.kind === 'names' ? permission.names.join(', ') : permission.kind
  },
}

/** Addresses and networks (CIDR, RFC 4632 3.1). */
export const networks = {
  schema: v.pipe(v.array(v.string()), v.maxLength(1024)),
  right: 'comma-separated IP addresses and networks such as 10.0.0.0/8 or fd00::/8',
  parse(text: string) {
    const list = text === '' ? [] : splitList(text)
    return list.every(isNetwork) ? list : undefined
  },
  show: (list: readonly string[]) => list.join(', '),
}

function isNetwork(text: string): boolean {
  const [, address = '', digits] = /^([0-9a-f:.]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && (digits === undefined || Number(digits) <= (version === 4 ? 32 : 128))
}

/** @returns the origin of an http(s) URL (RFC 6454 6.2), or undefined for one that has more than an origin. */
export function parseOrigin(text: string): string | undefined {
  const url = parseHttpUrl(text)
  if (url === undefined) return undefined
  return url.pathname === '/' && !/[?#]/.test(text) ? url.origin : undefined
}

/** An http(s) URL without credentials whose host is a name or an IP address. */
function parseHttpUrl(text: string): URL | undefined {
  const url = /^https?:\/\/[^/]/i.test(text) ? URL.parse(text) : null
  if (url === null || url.username !== '' || url.password !== '') return undefined
  return isHost(url.hostname) ? url : undefined
}

/** Is this, the host of a URL, a name or an IP address? */
function isHost(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0 || normaliseName(hostname) !== undefined
}

/** What stands before the last `@` of a URL and after its first `?` may be a secret. */
export function maskPassword(text: string): string {
  return text.replace(/(:\/{0,2}).*@/s, '$1***@').replace(/\?.*/s, '?***')
}

function splitList(text: string): string[] {
  return text.split(',').map((item) => item.trim())
}

function hasTwice(items: readonly unknown[]): boolean {
  return new Set(items).size < items.length
}
