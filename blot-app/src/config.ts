import { statSync } from 'node:fs'
import { domainToASCII } from 'node:url'
import path from 'node:path'

/** One wrong variable. `value` is undefined where showing it would tell a secret. */
export interface ConfigFault {
  readonly variable: string
  readonly value: string | undefined
  readonly expected: string
}

/** Every fault of an environment at once, so that it is mended in one go. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(describeFault).join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** What a reader answers for a value it cannot take: a sentence that completes "expected …". */
class Unfit {
  readonly expected: string

  constructor(expected: string) {
    this.expected = expected
  }
}

type Environment = Readonly<Record<string, string | undefined>>
type Reader<Value> = (value: string) => Value | Unfit

const checkout = path.resolve(import.meta.dirname, '../..')
const defaultRedisPort = 6379
const longestPort = 65_535

/** The frozen configuration of the app. Paths are absolute; `redis` and the secrets are undefined when unset. */
export type Config = ReturnType<typeof readConfig>

/**
 * Reads the app's part of an environment.
 * @throws {ConfigError} with every fault.
 */
export function readConfig(environment: Environment) {
  const faults: ConfigFault[] = []

  function read<Value>(variable: string, fallback: Value, reader: Reader<Value>): Value {
    const value = environment[variable]
    if (value === undefined || value === '') return fallback
    const result = reader(value)
    if (!(result instanceof Unfit)) return result
    faults.push({ variable, value: reader === secret ? undefined : value, expected: result.expected })
    return fallback
  }

  const directory = (name: string): string => path.join(checkout, name)
  const config = Object.freeze({
    host: read('BLOT_HOST', 'blot.localhost', hostName),
    port: read('BLOT_PORT', 8080, port),
    protocol: read('BLOT_PROTOCOL', 'http', protocol),
    cache: read('BLOT_CACHE', false, flag),
    cacheDirectory: read('BLOT_CACHE_DIRECTORY', directory('data/cache'), path.resolve),
    dataDirectory: read('BLOT_DATA_DIRECTORY', directory('data'), path.resolve),
    blogsDirectory: read('BLOT_BLOGS_DIRECTORY', directory('blot-app/blogs'), existingDirectory),
    uploadToken: read<string | undefined>('BLOT_UPLOAD_TOKEN', undefined, secret),
    dropboxSecret: read<string | undefined>('BLOT_DROPBOX_SECRET', undefined, secret),
    purgeToken: read<string | undefined>('BLOT_PURGE_TOKEN', undefined, secret),
    redis: read<Address | undefined>('BLOT_REDIS_HOST', undefined, redisAddress),
    reverseProxies: read<readonly string[]>('BLOT_REVERSE_PROXY_URLS', [], proxyAddresses),
    edgeAdmin: read<string | undefined>('BLOT_EDGE_ADMIN_URL', undefined, httpAddress),
    edgeAdminToken: read<string | undefined>('BLOT_EDGE_ADMIN_TOKEN', undefined, secret),
    maintenance: read('BLOT_MAINTENANCE', false, flag),
    production: read('NODE_ENV', 'development', (value) => value) === 'production',
  })
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

function describeFault({ variable, value, expected }: ConfigFault): string {
  return `${variable}${value === undefined ? '' : `=${JSON.stringify(value)}`}: expected ${expected}`
}

function hostName(value: string): string | Unfit {
  const name = domainToASCII(value)
  return /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(name)
    ? name
    : new Unfit('a host name without scheme or port, such as blot.im')
}

function port(value: string): number | Unfit {
  return /^\d{1,5}$/.test(value) && Number(value) <= longestPort
    ? Number(value)
    : new Unfit('a port from 0 to 65535; 0 means any free port')
}

function protocol(value: string): 'http' | 'https' | Unfit {
  return value === 'http' || value === 'https' ? value : new Unfit('http or https')
}

function flag(value: string): boolean | Unfit {
  return value === 'true' || value === 'false' ? value === 'true' : new Unfit('true or false')
}

function secret(value: string): string | Unfit {
  return /^[\x21-\x7e]+$/.test(value) ? value : new Unfit('printable ASCII without spaces')
}

function existingDirectory(value: string): string | Unfit {
  const isDirectory = statSync(value, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isDirectory ? path.resolve(value) : new Unfit('a folder that exists')
}

function redisAddress(value: string): Address | Unfit {
  const parts = /^(?:\[(?<ipv6>[0-9a-f:.]+)\]|(?<name>[a-z0-9.-]+))(?::(?<port>\d{1,5}))?$/i.exec(value)?.groups
  const host = parts?.ipv6 ?? parts?.name
  const number = Number(parts?.port ?? defaultRedisPort)
  const fits = host !== undefined && number > 0 && number <= longestPort
  return fits ? { host, port: number } : new Unfit('host or host:port, such as 127.0.0.1:6379')
}

function httpAddress(value: string): string | Unfit {
  const address = value.replace(/\/+$/, '')
  const fits = /^https?:\/\//.test(address) && URL.canParse(address)
  return fits ? address : new Unfit('a URL, such as http://127.0.0.1:8077')
}

function proxyAddresses(value: string): readonly string[] | Unfit {
  const addresses = value.split(',').map((address) => address.trim().replace(/\/+$/, ''))
  const fits = addresses.every((address) => /^https?:\/\//.test(address) && URL.canParse(address))
  return fits ? addresses : new Unfit('comma-separated URLs, such as http://127.0.0.1:80')
}
