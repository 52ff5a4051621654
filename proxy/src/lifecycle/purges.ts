import { join } from 'node:path'
import { createPurgeExchange, type ExchangeState, type PurgeExchange } from '../cache/purge-exchange.ts'
import { openPurgeJournal, type KeptPurges } from '../cache/purge-journal.ts'
import { recallPurges, type PurgeLog } from '../cache/purge-log.ts'
import { createPurgeSequence, type PurgeSequence } from '../cache/purge-sequence.ts'
import { withDeadline } from '../certificates/deadline.ts'
import { readIfThere, writeWhole } from '../certificates/whole-file.ts'
import type { Config } from '../config.ts'
import { ChannelClosed, codeOf, PurgeUnwritten } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import { namesOf, type NumberedPurge, type Purge, type PurgeOutcome, type PurgeStream } from '../purge.ts'
import { openFileLocker } from '../store/file-locker.ts'
import { parseObject } from '../store/parse-object.ts'
import type { Channel } from './channel.ts'

/** Numbers purges, writes them down, and has them applied by the workers here and by other machines. One process at a time. */
export type PurgeManager = {
  purge(purge: Purge): Promise<PurgeOutcome>
  /** Those that are on disk, as workers know them. */
  readonly log: Pick<PurgeLog, 'latest' | 'verdict'>
  /** What is not as it should be: a sentence each. */
  away(): string[]
  /** Resolves when what was asked is applied, and another process may go on with the sequence. */
  close(): Promise<void>
}

const faults = edgeChannel('fault')
const MAX_STATE_BYTES = 1024
/** Whoever has the sequence lets go of it within the drain of a manager whose primary was killed. */
const OTHER_WRITER_MS = 15_000

/** @param stream undefined where no other machine shares the store. */
export async function openPurgeManager(
  config: Pick<Config, 'dataDirectory'>,
  stream: PurgeStream | undefined,
  channel: Channel,
): Promise<PurgeManager> {
  const directory = join(config.dataDirectory, 'purges')
  // The manager of an edge whose primary was killed may still be there: the kernel takes the lock from nobody who lives.
  const lock = await withDeadline(OTHER_WRITER_MS, async (signal) =>
    (await openFileLocker(directory)).acquire('writer', signal),
  )
  const journal = await openPurgeJournal(directory)
  const log = recallPurges(journal.kept)
  const sequence = createPurgeSequence({
    journal,
    apply: (numbered) => applyInWorkers(channel, numbered),
    onWritten(entries) {
      for (const entry of entries) log.add(entry)
      exchange?.offer(entries)
    },
  })
  const exchange = stream && (await openExchange(config, stream, journal.kept, sequence))

  async function purge(asked: Purge): Promise<PurgeOutcome> {
    const { number, counts } = await sequence.add(asked, 'here')
    return { counts, pending: exchange !== undefined && !(await exchange.sent(number)) }
  }

  // What the manager before this one wrote down, and did not live to tell.
  void channel.call('worker', 'applyPurges', { after: sequence.position(), purges: [] }).catch(() => undefined)
  return {
    purge,
    log,
    away() {
      const count = exchange?.waiting() ?? 0
      return count === 0 ? [] : [`${count} purges have yet to reach the store`]
    },
    async close() {
      await exchange?.close()
      await sequence.close()
      await journal.close()
      await lock.release()
    },
  }
}

async function openExchange(
  { dataDirectory }: Pick<Config, 'dataDirectory'>,
  stream: PurgeStream,
  kept: KeptPurges,
  sequence: PurgeSequence,
): Promise<PurgeExchange> {
  const file = join(dataDirectory, 'purges/shared.json')
  return createPurgeExchange({
    stream,
    kept,
    state: parseState(await readIfThere(file, MAX_STATE_BYTES)),
    save: (state) => writeWhole(file, JSON.stringify(state), 0o600),
    async add(purge, origin) {
      try {
        await sequence.add(purge, origin)
      } catch (error) {
        if (error instanceof PurgeUnwritten) throw error
        // It is on disk, and in the channel of a worker that does not answer.
        faults.publish({ area: 'cache', message: 'a worker did not apply a purge', error })
      }
    },
  })
}

/** What cannot be read is as if nothing had been read or sent: this machine drops everything, and so do the others. */
function parseState(text: string | undefined): ExchangeState | undefined {
  if (text === undefined) return undefined
  const { place, sent } = parseObject(text) ?? {}
  return { place: typeof place === 'string' ? place : undefined, sent: typeof sent === 'number' ? sent : 0 }
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
