import type { Test } from 'tap'
import { createDiskTier, type DiskTier, type DiskTierOptions } from '../../../src/cache/disk/disk-tier.ts'
import { readHead } from '../../../src/cache/rules/stored-head.ts'
import type { StoredAnswer } from '../../../src/cache/stored-answer.ts'

export const NOW_MS = Date.UTC(2026, 10, 8, 12, 0, 0)

export function tierIn(t: Test, cacheDirectory: string, options: Partial<DiskTierOptions> = {}): DiskTier {
  const tier = createDiskTier({
    cacheDirectory,
    allowanceBytes: 100_000_000,
    reclaim: async () => {},
    maxMemoryBytes: 1000,
    now: () => NOW_MS,
    ...options,
  })
  t.teardown(() => tier.idle())
  return tier
}

export function storedAs(key: string, extra: Partial<StoredAnswer> = {}): StoredAnswer {
  const fields = ['Cache-Control', 'max-age=60', 'Content-Type', 'text/html', 'X-Odd', 'caf\u00e9']
  return {
    key,
    names: { host: key.split('/')[2] ?? '', url: key, tags: ['post:1'] },
    vary: [],
    selection: '',
    head: readHead({ status: 200, fields, requestedMs: NOW_MS - 1, receivedMs: NOW_MS }),
    since: 7,
    isStale: false,
    ...extra,
  }
}
