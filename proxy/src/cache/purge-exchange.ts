import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { edgeChannel } from '../events.ts'
import { EVERYTHING, namesOf, NOTHING, type Purge, type PurgeStream, type StreamedPurge } from '../purge.ts'
import type { JournalEntry, KeptPurges } from './purge-journal.ts'
import { createPurgeOutbox, type PurgeOutbox } from './purge-outbox.ts'

/** How far this machine has come in what all machines share. */
export type ExchangeState = {
  /** The last that was read; undefined before the first connection. */
  readonly place: string | undefined
  /** Every purge of this machine up to this number is in the stream. */
  readonly sent: number
}

/** Brings the purges of this machine to the others, and theirs to this one. */
export type PurgeExchange = {
  /** Takes what is on disk. */
  offer(entries: readonly JournalEntry[]): void
  /** Resolves with whether other machines can read a purge; false: they will when the store is back. */
  sent(number: number): Promise<boolean>
  /** How many purges other machines cannot read yet. */
  waiting(): number
  close(): Promise<void>
}

export type PurgeExchangeOptions = {
  readonly stream: PurgeStream
  readonly kept: KeptPurges
  /** Undefined for a machine that shares its purges for the first time. */
  readonly state: ExchangeState | undefined
  /** Called once a second at most. */
  save(state: ExchangeState): Promise<void>
  /** Applies a purge here; resolves when it is on disk. */
  add(purge: Purge, origin: JournalEntry['origin']): Promise<unknown>
}

const faults = edgeChannel('fault')

const PAUSE_MS = 500
const SAVE_MS = 1000

export function createPurgeExchange({ stream, kept, state, save, add }: PurgeExchangeOptions): PurgeExchange {
  const writer = randomBytes(9).toString('base64url')
  const closing = new AbortController()
  const outbox = createPurgeOutbox((purges) => stream.append(purges.map((purge) => ({ ...purge, writer }))))
  let latest = kept.entries.at(-1)?.number ?? kept.after
  let place = state?.place
  let savedMs = -Infinity
  let isSaved = false
  fillOutbox(outbox, kept, state?.sent ?? latest)

  /** A new place at the end of the stream. What came before it is unknown here, so it is as if everything were purged. */
  async function join(origin: JournalEntry['origin']): Promise<void> {
    const end = await stream.append([{ number: 0, purge: NOTHING, writer }])
    await add(EVERYTHING, origin)
    outbox.resend()
    moveTo(end)
    // Who dies without it on disk has to drop everything once more.
    savedMs = -Infinity
  }

  async function readOn(from: string): Promise<void> {
    const page = await stream.read(from)
    void outbox.flush()
    // What this machine sent may be lost to those who had not read it yet.
    if (page === 'lost') await join('here')
    else if (page === 'trimmed') await join('elsewhere')
    else if (page.length === 0) await stream.wait(from)
    else await take(page)
  }

  async function take(page: readonly StreamedPurge[]): Promise<void> {
    const others = page.filter((one) => one.writer !== writer && namesOf(one.purge).length > 0)
    await Promise.all(others.map(({ purge }) => add(purge, 'elsewhere')))
    for (const one of page) if (one.writer === writer) outbox.confirm(one.number)
    moveTo(page.at(-1)?.place)
  }

  function moveTo(next: string | undefined): void {
    place = next
    isSaved = false
  }

  /** Never rejects: whoever starts with an older state reads and sends some purges twice, which harms nobody. */
  async function saveNow(): Promise<void> {
    isSaved = true
    savedMs = performance.now()
    try {
      await save({ place, sent: (outbox.oldest() ?? latest + 1) - 1 })
    } catch (error) {
      isSaved = false
      faults.publish({ area: 'cache', message: 'purge position could not be written', error })
    }
  }

  async function follow(): Promise<void> {
    let isFailing = false
    while (!closing.signal.aborted) {
      try {
        if (place === undefined) await join('elsewhere')
        else await readOn(place)
        if (!isSaved && performance.now() - savedMs > SAVE_MS) await saveNow()
        isFailing = false
      } catch (error) {
        if (closing.signal.aborted) return
        if (!isFailing) faults.publish({ area: 'cache', message: 'purges are not shared', error })
        isFailing = true
        outbox.resend()
        await delay(PAUSE_MS, undefined, { signal: closing.signal }).catch(() => undefined)
      }
    }
  }

  const following = saveNow().then(follow)
  return {
    offer(entries) {
      latest = entries.at(-1)?.number ?? latest
      isSaved = false
      for (const entry of entries) if (entry.origin === 'here') outbox.add(entry)
      void outbox.flush()
    },
    sent: (number) => outbox.sent(number),
    waiting: () => outbox.size(),
    async close() {
      closing.abort()
      stream.close()
      await following
      await saveNow()
    },
  }
}

/** What an earlier process wrote down, and nobody saw in the stream. */
function fillOutbox(outbox: PurgeOutbox, { after, entries }: KeptPurges, sent: number): void {
  if (sent < after) outbox.add({ number: after, purge: EVERYTHING })
  for (const entry of entries) if (entry.origin === 'here' && entry.number > sent) outbox.add(entry)
}
