import t from 'tap'
import type { Incident } from '../../bench/load/mixed/outcomes.ts'
import { sizeOf } from '../../bench/machine/processes.ts'
import { processesOf } from '../../bench/servers/edge-processes.ts'
import { growthOf, soak } from '../../bench/soak.ts'
import { until } from '../until.ts'
import { assertExplained, DOMAIN, HANDLE, startLoaded } from './mixed-load.ts'

/** A day in a minute. */

const MB = 2 ** 20
const STEADY = { ms: 22_000, day: { reloads: 0, purges: 100, renewals: 10, workerKills: 0 } }
const RESTLESS = { ms: 22_000, day: { reloads: 3, purges: 100, renewals: 10, workerKills: 1 } }
/** Of an average process, from the first third of the time to the last. Garbage that is not collected yet is in it. */
const GROWTH_BYTES = 32 * MB
const PRIMARY_BYTES = 32 * MB
/** Visitors and the pools of two workers open and close connections as they need them. */
const DESCRIPTORS = 10
const STREAMS: ReadonlySet<string> = new Set(['websockets', 'events'])

await t.test('a day', async (t) => {
  // Streams go with their generation, so that what is left of it can be counted.
  const { edge, incidents, end } = await startLoaded(t, { EDGE_RELOAD_DRAIN_MS: '1000' })
  const { pid = 0 } = edge.process
  const common = { edge: { ...edge, pid }, purged: HANDLE, renewed: DOMAIN }
  const descriptorsOfPrimary = (): number => sizeOf(pid).descriptors

  await t.test('visitors, purges and renewals leave nothing behind', async (t) => {
    const { samples, done } = await soak({ ...common, ...STEADY })
    // Heaps grow to what they need at first.
    const warm = samples.slice(samples.length / 3)
    const bytes = growthOf(warm, ({ average }) => average.bytes)
    t.ok(bytes < GROWTH_BYTES, `${Math.round(bytes / MB)} MB more, after ${JSON.stringify(done)}`)
    const descriptors = growthOf(samples, ({ average }) => average.descriptors)
    t.ok(descriptors < DESCRIPTORS, `${descriptors} descriptors more`)
    assertExplained(t, await incidents())
  })

  await t.test('neither do reloads and workers that die', async (t) => {
    const before = descriptorsOfPrimary()
    const { samples, done, killed } = await soak({ ...common, ...RESTLESS })
    const owned = new Set(killed.flatMap((one) => [...one.owned]))
    const isExplained = ({ port, kind }: Incident): boolean => owned.has(port) || STREAMS.has(kind)
    assertExplained(t, await end(), isExplained)
    t.match(done, { workerKills: 1 })
    t.ok(done.reloads > 0, `${done.reloads} reloads`)
    const bytes = growthOf(samples, ({ primary }) => primary.bytes)
    t.ok(bytes < PRIMARY_BYTES, `the primary has ${Math.round(bytes / MB)} MB more`)
    await until('what was replaced has ended', async () => (await processesOf(edge)).length === 4)
    await until(
      'it left no descriptor in the primary',
      () => descriptorsOfPrimary() <= before,
      () => `${descriptorsOfPrimary()} instead of ${before}`,
    )
  })
})
