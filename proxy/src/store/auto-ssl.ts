import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { escapeGlob, scanKeys } from './redis-scan.ts'
import { openRedis } from './redis.ts'
import { parseObject } from './parse-object.ts'

/** One certificate of lua-resty-auto-ssl, as it lies there: nothing of it has been checked. */
export type AutoSslEntry = {
  readonly name: string
  readonly chainPem: string | undefined
  readonly privateKeyPem: string | undefined
}

const SUFFIX = ':latest'
const MAX_BYTES = 512 * 1024

/**
 * Its certificates in Redis, under `<prefix>:<name>:latest`; history (`:<time>`), challenges and locks are not touched.
 * Nothing is written. Rejects with EDGE_ERR_STORE_UNAVAILABLE.
 */
export async function* readAutoSslRedis(url: string, prefix: string): AsyncGenerator<AutoSslEntry> {
  const redis = await openRedis(url)
  try {
    for await (const keys of scanKeys(redis, `${escapeGlob(prefix)}:*${SUFFIX}`)) {
      for (const key of keys) {
        const text = await redis.command((client) => client.get(key))
        if (text !== null) yield parseEntry(key.slice(prefix.length + 1, -SUFFIX.length), text)
      }
    }
  } finally {
    await redis.close()
  }
}

/** The same of its folder `storage/file`: one file a key, named by `ngx.escape_uri`. Rejects with the file system's error. */
export async function* readAutoSslFolder(folder: string): AsyncGenerator<AutoSslEntry> {
  for (const file of (await readdir(folder)).toSorted()) {
    const key = decode(file)
    if (key?.endsWith(SUFFIX))
      yield parseEntry(key.slice(0, -SUFFIX.length), await readFile(join(folder, file), 'utf8'))
  }
}

/** `expiry` may be absent, or wrong, and is not read; `cert_pem` repeats the first of the chain. */
function parseEntry(name: string, text: string): AutoSslEntry {
  const { fullchain_pem: chainPem, privkey_pem: privateKeyPem } = (text.length <= MAX_BYTES && parseObject(text)) || {}
  const textOrNone = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  return { name, chainPem: textOrNone(chainPem), privateKeyPem: textOrNone(privateKeyPem) }
}

function decode(file: string): string | undefined {
  try {
    return decodeURIComponent(file)
  } catch {
    return undefined
  }
}
