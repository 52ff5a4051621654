import { join } from 'node:path'
import { openPurgeJournal, readPurgeJournal } from '../cache/purge-journal.ts'
import { createPurgeLog, type PurgeLog } from '../cache/purge-log.ts'
import { createPurgeSequence } from '../cache/purge-sequence.ts'
import type { Config } from '../config.ts'
import { ChannelClosed, codeOf } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { EVERYTHING, namesOf, type NumberedPurge, type Purge, type PurgeOutcome } from '../purge.ts'
import type { CallHandlers, Channel } from './channel.ts'

/** How purges go from the manager, who numbers them and writes them down, to the workers. */

export type PurgeManager = {
  purge(purge: Purge): Promise<PurgeOutcome>
  close(): Promise<void>
}

/** What a worker drops answers from. */
export type PurgedTier = { purge(purge: Purge): Promise<readonly number[]> }

const purges = edgeChannel('purge')
const faults = edgeChannel('fault')

export async function openPurgeManager(
  config: Pick<Config, 'dataDirectory'>,
  channel: Channel,
  handlers: CallHandlers,
): Promise<PurgeManager> {
  const journal = await openPurgeJournal(directoryOf(config))
  const sequence = createPurgeSequence({
    journal,
    apply: (numbered) => applyInWorkers(channel, numbered),
  })

  async function purge(asked: Purge): Promise<PurgeOutcome> {
    const { counts } = await sequence.add(asked, 'here')
    return { counts, pending: false }
  }

  handlers.purge = ({ purge: asked }) => purge(asked)
  // What the manager before this one wrote down, and did not live to tell.
  void channel.call('worker', 'applyPurges', { after: sequence.position(), purges: [] }).catch(() => undefined)
  return {
    purge,
    async close() {
      await sequence.close()
      await journal.close()
    },
  }
}

/** @returns entries dropped, by purge and name, of all workers together. */
async function applyInWorkers(channel: Channel, numbered: readonly NumberedPurge[]): Promise<number[][]> {
  const after = (numbered[0]?.number ?? 1) - 1
  const asked = numbered.map(({ purge }) => purge)
  try {
    const answers = await channel.call('worker', 'applyPurges', { after, purges: asked })
    return asked.map((purge, at) => namesOf(purge).map((_, name) => sum(answers.map((counts) => counts[at]?.[name]))))
  } catch (error) {
    // No worker holds anything; the next one reads the journal before it does.
    if (codeOf(error) === new ChannelClosed('').code) return asked.map(() => [])
    throw error
  }
}

function sum(counts: readonly (number | undefined)[]): number {
  return counts.reduce<number>((total, count) => total + (count ?? 0), 0)
}

/** The worker's part: the sequence as it was kept, then every purge as it comes. */
export async function openWorkerPurges(
  config: Pick<Config, 'dataDirectory'>,
  handlers: CallHandlers,
  tier: PurgedTier,
): Promise<PurgeLog> {
  const log = createPurgeLog()
  let catchingUp: Promise<void> | undefined

  /** Adds to the log what the journal has more. @returns that. */
  async function readOn(): Promise<readonly Purge[]> {
    try {
      const { after, entries } = await readPurgeJournal(directoryOf(config))
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
    purges.publish({ names: namesOf(numbered.purge), entries: sum(counts), durationMs: performance.now() - startedMs })
    return counts
  }

  handlers.applyPurges = async ({ after, purges: asked }) => {
    while (log.position() < after) {
      catchingUp ??= catchUp(after).finally(() => (catchingUp = undefined))
      await catchingUp
    }
    return Promise.all(asked.map((purge, index) => apply({ number: after + 1 + index, purge })))
  }
  await readOn()
  return log
}

function directoryOf({ dataDirectory }: Pick<Config, 'dataDirectory'>): string {
  return join(dataDirectory, 'purges')
}
