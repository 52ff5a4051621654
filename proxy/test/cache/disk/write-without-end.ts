import { createDiskTier } from '../../../src/cache/disk/disk-tier.ts'
import { storedAs } from './tier.ts'

/** Writes and overwrites twenty answers until it is killed; each body is one byte, repeated. */
const [, , cacheDirectory = ''] = process.argv
const tier = createDiskTier({
  cacheDirectory,
  allowanceBytes: Infinity,
  reclaim: async () => {},
  maxMemoryBytes: 1000,
  now: Date.now,
})
for (let round = 0; ; round++) {
  const writes = Array.from({ length: 15 }, (_, index) => {
    const body = Buffer.alloc(100_000 + round * 1000, 97 + (round % 26))
    return tier.put(storedAs(`https://a.test/${(round + index) % 20}`), body)
  })
  if (round === 2) process.send?.('writing')
  await Promise.all(writes)
}
