import { codeOf, PurgeUnwritten } from '../errors.ts'
import type { NumberedPurge, Purge } from '../purge.ts'
import type { JournalEntry, PurgeJournal } from './purge-journal.ts'

/** A purge that every worker of this machine has applied; `counts` are entries by name, as the memory tier's. */
export type AppliedPurge = { readonly number: number; readonly counts: readonly number[] }

/** Gives purges their numbers: on disk first, then to whoever applies them. */
export type PurgeSequence = {
  position(): number
  /** Resolves when it is applied. Rejects when it could not be written, or not everybody applied it. */
  add(purge: Purge, origin: JournalEntry['origin']): Promise<AppliedPurge>
  /** Resolves when what was added is written, and applied or not to be applied. Nothing may be added any more. */
  close(): Promise<void>
}

export type PurgeSequenceOptions = {
  readonly journal: PurgeJournal
  /** Entries dropped, by purge and name. Called in the order of the numbers. */
  apply(purges: readonly NumberedPurge[]): Promise<readonly (readonly number[])[]>
  /** Called with what is on disk now. */
  onWritten?(entries: readonly JournalEntry[]): void
}

type Waiting = Pick<JournalEntry, 'purge' | 'origin'> & PromiseWithResolvers<AppliedPurge>

/** Purges that share one write to the disk and one message to each worker. */
const MAX_BATCH = 200

export function createPurgeSequence({ journal, apply, onWritten }: PurgeSequenceOptions): PurgeSequence {
  const { after, entries } = journal.kept
  let position = entries.at(-1)?.number ?? after
  const waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  const distributed = new Set<Promise<void>>()

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH)
      const atMs = Date.now()
      const numbered = batch.map(({ purge, origin }, index) => ({ number: position + 1 + index, purge, origin, atMs }))
      try {
        await journal.append(numbered)
      } catch (error) {
        const unwritten = new PurgeUnwritten(codeOf(error), { cause: error })
        for (const { reject } of batch) reject(unwritten)
        continue
      }
      position += batch.length
      onWritten?.(numbered)
      const distributing = distribute(batch, numbered)
      distributed.add(distributing)
      void distributing.finally(() => distributed.delete(distributing))
    }
    writing = undefined
  }

  async function distribute(batch: readonly Waiting[], numbered: readonly JournalEntry[]): Promise<void> {
    try {
      const counts = await apply(numbered.map(({ number, purge }) => ({ number, purge })))
      for (const [index, { resolve }] of batch.entries()) {
        resolve({ number: numbered[index]?.number ?? 0, counts: counts[index] ?? [] })
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return {
    position: () => position,
    add(purge, origin) {
      const settled = Promise.withResolvers<AppliedPurge>()
      waiting.push({ purge, origin, ...settled })
      writing ??= write()
      return settled.promise
    },
    async close() {
      await writing
      await Promise.all(distributed)
    },
  }
}
