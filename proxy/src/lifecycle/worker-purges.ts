import { join } from 'node:path'
import { readPurgeJournal } from '../cache/purge-journal.ts'
import { createPurgeLog, type PurgeLog } from '../cache/purge-log.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { EVERYTHING, namesOf, type NumberedPurge, type Purge } from '../purge.ts'
import type { CallHandlers } from './channel.ts'

/** What a worker drops answers from. */
export type PurgedTier = { purge(purge: Purge): Promise<readonly number[]> }

const purges = edgeChannel('purge')
const faults = edgeChannel('fault')

/** The sequence as it was kept, then every purge as the manager tells of it. */
export async function openWorkerPurges(
  config: Pick<Config, 'dataDirectory'>,
  handlers: CallHandlers,
  tier: PurgedTier,
): Promise<{ log: PurgeLog; refresh: () => Promise<void> }> {
  const log = createPurgeLog()
  let catchingUp: Promise<void> | undefined

  /** Adds to the log what the journal has more. @returns that. */
  async function readOn(): Promise<readonly Purge[]> {
    try {
      const { after, entries } = await readPurgeJournal(join(config.dataDirectory, 'purges'))
      const isGap = after > log.position()
      if (isGap) log.startAfter(after)
      const missed = entries.filter(({ number }) => number > log.position())
      for (const entry of missed) log.add(entry)
      return isGap ? [EVERYTHING] : missed.map(({ purge }) => purge)
    } catch (error) {
      faults.publish({ area: 'cache', message: 'purges could not be read', error })
      return []
    }
  }

  /** For purges that the manager wrote down and did not tell this worker of. */
  async function catchUp(until: number): Promise<void> {
    const missed = await readOn()
    const isWhole = log.position() >= until
    if (!isWhole) log.startAfter(until)
    await Promise.all((isWhole ? missed : [EVERYTHING]).map((purge) => tier.purge(purge)))
  }

  async function apply(numbered: NumberedPurge): Promise<readonly number[]> {
    const startedMs = performance.now()
    // First of all: what is being fetched must not be stored any more.
    if (numbered.number > log.position()) log.add(numbered)
    const counts = await tier.purge(numbered.purge)
    const entries = counts.reduce((sum, count) => sum + count, 0)
    purges.publish({ names: namesOf(numbered.purge), entries, durationMs: performance.now() - startedMs })
    return counts
  }

  handlers.applyPurges = async ({ after, purges: asked }) => {
    while (log.position() < after) {
      catchingUp ??= catchUp(after).finally(() => (catchingUp = undefined))
      await catchingUp
    }
    const atMs = Date.now()
    return Promise.all(asked.map((purge, index) => apply({ number: after + 1 + index, purge, atMs })))
  }
  await readOn()
  return {
    log,
    /** Catches up with what was purged before this worker was told of purges. */
    async refresh() {
      const missed = await readOn()
      await Promise.all(missed.map((purge) => tier.purge(purge)))
    },
  }
}
