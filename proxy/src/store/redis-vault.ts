import { CertificateInvalid, StoreFenced } from '../errors.ts'
import { isVaultName } from '../certificates/names.ts'
import { certificateFromPem, joinPem, parseChain } from '../certificates/verify.ts'
import { parseObject } from './parse-object.ts'
import { fenceKey } from './redis-locker.ts'
import { escapeGlob, scanKeys } from './redis-scan.ts'
import { labelOf, openRecord } from './sealed-record.ts'
import { createSealer } from './seal.ts'
import type { StoredCertificate, Vault } from '../certificates/contracts.ts'
import type { OpenedRecord } from './sealed-record.ts'
import type { Sealer } from './seal.ts'
import type { RedisStore } from './redis.ts'

const MAX_LENGTH = 512 * 1024

/**
 * KEYS: record, fence. ARGV: the record, the writer's fence; the greatest number for who writes without a lock. Whoever got
 * a later one than the writer holds the lock now, or held it.
 */
const WRITE_FENCED = `
local latest = tonumber(redis.call('get', KEYS[2]))
if latest and latest > tonumber(ARGV[2]) then return 0 end
redis.call('set', KEYS[1], ARGV[1])
return 1`

/** Replaces a record that is still what it was. */
const REPLACE = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2]) end return 1`

/**
 * Certificates under the keys of lua-resty-auto-ssl and in its format, so that either program reads what the other wrote:
 * `<prefix>:<name>:latest` holds JSON `{"fullchain_pem","privkey_pem","cert_pem","expiry"}`, `expiry` in unix seconds,
 * without a time to live. Our own metadata is one more field, `edge`. Where keys are sealed, `privkey_pem` is what only we read.
 */
export function createRedisVault(store: RedisStore, prefix: string, sealer: Sealer = createSealer()): Vault {
  const keyOf = (name: string): string => {
    if (!isVaultName(name)) throw new CertificateInvalid(JSON.stringify(name.slice(0, 64)), 'not a name')
    return `${prefix}:${name}:latest`
  }
  /** In the background of a read: where it fails, or somebody was quicker, the next read sees to it. */
  async function reseal(key: string, text: string, { name, privateKeyPem }: StoredCertificate): Promise<void> {
    const sealed = { ...parseObject(text), privkey_pem: sealer.seal(privateKeyPem, labelOf(name)) }
    await store.command((redis) => redis.eval(REPLACE, 1, key, text, JSON.stringify(sealed))).catch(() => {})
  }
  return {
    async read(name) {
      const key = keyOf(name)
      const text = await store.command((redis) => redis.get(key))
      if (text === null) return undefined
      const { certificate, isOutdated } = parseRecord(name, text, sealer)
      if (isOutdated) void reseal(key, text, certificate)
      return certificate
    },
    async write(certificate, fence) {
      const checked = certificateFromPem(certificate)
      const [key, record] = [keyOf(checked.name), formatRecord(checked, sealer)]
      const args = [key, fenceKey(checked.name), record, fence ?? Number.MAX_SAFE_INTEGER]
      const written = await store.command((redis) => redis.eval(WRITE_FENCED, 2, ...args))
      if (written === 0) throw new StoreFenced(checked.name)
    },
    async remove(name) {
      const key = keyOf(name)
      await store.command((redis) => redis.del(key))
    },
    names: () => scanNames(store, prefix),
    close: async () => {},
  }
}

async function* scanNames(store: RedisStore, prefix: string): AsyncGenerator<string> {
  for await (const keys of scanKeys(store, `${escapeGlob(prefix)}:*:latest`)) {
    yield* keys.map((key) => key.slice(prefix.length + 1, -':latest'.length)).filter(isVaultName)
  }
}

function parseRecord(name: string, text: string, sealer: Sealer): OpenedRecord {
  const { fullchain_pem, privkey_pem, edge } = (text.length <= MAX_LENGTH && parseObject(text)) || {}
  // `expiry` is not read: it may be absent, or wrong; the leaf knows.
  return openRecord({ name, chainPem: fullchain_pem, privateKey: privkey_pem, issuer: issuerOf(edge) }, sealer)
}

function issuerOf(edge: unknown): unknown {
  return typeof edge === 'object' && edge !== null && 'issuer' in edge ? edge.issuer : undefined
}

function formatRecord(certificate: StoredCertificate, sealer: Sealer): string {
  const { name, chainPem, privateKeyPem, notAfterMs, issuer } = certificate
  const [leaf] = parseChain(name, chainPem)
  return JSON.stringify({
    fullchain_pem: chainPem,
    privkey_pem: sealer.seal(privateKeyPem, labelOf(name)),
    cert_pem: joinPem(leaf.toString()),
    expiry: Math.floor(notAfterMs / 1_000),
    edge: { version: 1, issuer },
  })
}
