import { certificateFromPem } from '../certificates/verify.ts'
import { CertificateInvalid } from '../errors.ts'
import { readAutoSslRedis } from './auto-ssl.ts'
import { escapeGlob, scanKeys } from './redis-scan.ts'
import { openRedis, type RedisStore } from './redis.ts'

/** What lua-resty-auto-ssl and Blot keep in Redis. */
export type RedisInventory = {
  readonly usable: number
  /** Those among them whose end has passed. */
  readonly expired: readonly string[]
  readonly unusable: readonly { readonly name: string; readonly reason: string }[]
  /** Keys that keep a handshake busy for milliseconds. */
  readonly rsa4096: number
  /** Earliest end of a certificate that is still valid, ms since the epoch. */
  readonly nextEndMs: number | undefined
  /** `domain:<host>`: who may have a certificate. */
  readonly domains: readonly string[]
  readonly handles: number
  /** Domains without a certificate: the first visit has one obtained. */
  readonly withoutCertificate: readonly string[]
  /** Certificates of names that are on no list any more: served no more, and not renewed. */
  readonly withoutDomain: readonly string[]
  /** Old copies, challenges and locks, which are left where they are. */
  readonly leftovers: number
  /** `blot:openresty:ssl:pem` and `:key`. */
  readonly wildcard: 'absent' | 'there' | 'without its key'
}

/** Reads all of it and writes nothing. Rejects with EDGE_ERR_STORE_UNAVAILABLE. */
export async function readRedisInventory(url: string, prefix: string, blotHost: string): Promise<RedisInventory> {
  const redis = await openRedis(url)
  try {
    const domains = (await namesOf(redis, 'domain:')).toSorted()
    const handles = await namesOf(redis, 'handle:')
    const certificates = await readCertificates(url, prefix)
    const allowed = new Set([...domains, ...handles.map((handle) => `${handle}.${blotHost}`)])
    const all = (await namesOf(redis, `${prefix}:`)).length
    return {
      ...certificates,
      domains,
      handles: handles.length,
      withoutCertificate: domains.filter((name) => !certificates.names.has(name)),
      withoutDomain: [...certificates.names].filter((name) => !allowed.has(name)).toSorted(),
      leftovers: all - certificates.names.size - certificates.unusable.length,
      wildcard: await readWildcard(redis),
    }
  } finally {
    await redis.close()
  }
}

async function namesOf(redis: RedisStore, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const keys of scanKeys(redis, `${escapeGlob(prefix)}*`)) {
    names.push(...keys.map((key) => key.slice(prefix.length)))
  }
  return names
}

type Certificates = Pick<RedisInventory, 'usable' | 'expired' | 'unusable' | 'rsa4096' | 'nextEndMs'> & {
  readonly names: ReadonlySet<string>
}

async function readCertificates(url: string, prefix: string): Promise<Certificates> {
  const names = new Set<string>()
  const expired: string[] = []
  const unusable: { name: string; reason: string }[] = []
  let rsa4096 = 0
  let nextEndMs: number | undefined
  for await (const { name, chainPem = '', privateKeyPem = '' } of readAutoSslRedis(url, prefix)) {
    try {
      const { notAfterMs } = certificateFromPem({ name, chainPem, privateKeyPem, issuer: undefined })
      names.add(name)
      // A key of 4096 bits takes 3,200 characters as PEM, one of 2048 half of that.
      if (privateKeyPem.length > 3000) rsa4096++
      if (notAfterMs <= Date.now()) expired.push(name)
      else nextEndMs = Math.min(nextEndMs ?? Infinity, notAfterMs)
    } catch (error) {
      if (!(error instanceof CertificateInvalid)) throw error
      unusable.push({ name, reason: error.message })
    }
  }
  return { names, usable: names.size, expired, unusable, rsa4096, nextEndMs }
}

async function readWildcard(redis: RedisStore): Promise<RedisInventory['wildcard']> {
  const [pem, key] = await redis.command((client) => client.mget('blot:openresty:ssl:pem', 'blot:openresty:ssl:key'))
  if (pem === null && key === null) return 'absent'
  return pem !== null && key !== null ? 'there' : 'without its key'
}
