import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { edgeChannel } from '../../../src/events.ts'
import { createDiskTier } from '../../../src/cache/disk/disk-tier.ts'
import { storedAs } from './tier.ts'

/** Started where no file may become large (`ulimit -f`): writes one that is too large, and small ones around it. Tells what came of it. */
const [, , cacheDirectory = ''] = process.argv
// Without a listener the signal would end this process.
process.on('SIGXFSZ', () => {})
const faults: string[] = []
edgeChannel('fault').subscribe(({ error }) => faults.push(String((error as NodeJS.ErrnoException).code)))
let nowMs = 1e12
const tier = createDiskTier({
  cacheDirectory,
  allowanceBytes: Infinity,
  reclaim: async () => {},
  maxMemoryBytes: 1000,
  now: () => nowMs,
})
const isThere = (name: string): boolean => tier.find(`https://a.test/${name}`, []) !== undefined
const put = (name: string, bytes: number): Promise<void> =>
  tier.put(storedAs(`https://a.test/${name}`), Buffer.alloc(bytes))

await put('small', 100)
await put('large', 500_000)
const found = { small: isThere('small'), large: isThere('large') }
nowMs += 60_000
await put('older', 100)
await put('older', 500_000)
const older = isThere('older')
nowMs += 60_000
await put('next', 100)
const left = readdirSync(join(cacheDirectory, '.edge/temporary'))
process.stdout.write(JSON.stringify({ ...found, older, next: isThere('next'), left, faults }))
