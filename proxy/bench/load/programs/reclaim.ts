import { createReclaimer } from '../../../src/cache/disk/reclaim.ts'

/** What the manager does to keep a disk tier below its bound. Writes a line of JSON: what it found, and what it cost, ms. */

const [, , cacheDirectory = '', maxBytes = '0'] = process.argv
const startedMs = performance.now()
const before = process.cpuUsage()
const found = await createReclaimer(cacheDirectory, Number(maxBytes)).reclaim()
const { user, system } = process.cpuUsage(before)
const cost = { tookMs: performance.now() - startedMs, cpuMs: (user + system) / 1000 }
process.stdout.write(`${JSON.stringify({ ...found, ...cost })}\n`)
