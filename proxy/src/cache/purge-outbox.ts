import { EVERYTHING, type NumberedPurge } from '../purge.ts'

/** This machine's own purges, until other machines can read them. */
export type PurgeOutbox = {
  add(purge: NumberedPurge): void
  /** Resolves when a purge is sent (true) or could not be sent now (false). */
  sent(number: number): Promise<boolean>
  /** It was seen in the stream, and with it all before it: nobody needs them here any more. */
  confirm(number: number): void
  /** What was sent and not seen may be lost: it is sent once more. */
  resend(): void
  /** Sends what is not sent; ends with the first failure. */
  flush(): Promise<void>
  /** The oldest that is not confirmed, and how many there are. */
  oldest(): number | undefined
  size(): number
}

const MAX_BATCH = 100
/** More than this are one purge of everything. */
const MAX_WAITING = 10_000

/** @param append rejects while others cannot be reached. */
export function createPurgeOutbox(append: (purges: readonly NumberedPurge[]) => Promise<unknown>): PurgeOutbox {
  let waiting: NumberedPurge[] = []
  let asking: { number: number; resolve(sent: boolean): void }[] = []
  /** The last that was sent, as far as we know. */
  let last = 0
  let flushing: Promise<void> | undefined

  async function send(): Promise<void> {
    try {
      for (;;) {
        const batch = waiting.filter(({ number }) => number > last).slice(0, MAX_BATCH)
        if (batch.length === 0) return
        await append(batch)
        last = batch.at(-1)?.number ?? last
        settle(({ number }) => number <= last, true)
      }
    } catch {
      // Nobody knows what arrived of it.
      last = 0
      settle(() => true, false)
    }
  }

  function settle(test: (one: { number: number }) => boolean, sent: boolean): void {
    for (const one of asking) if (test(one)) one.resolve(sent)
    asking = asking.filter((one) => !test(one))
  }

  return {
    add(purge) {
      waiting.push(purge)
      if (waiting.length > MAX_WAITING) waiting = [{ number: purge.number, purge: EVERYTHING }]
    },
    sent(number) {
      if (number <= last || number < (waiting[0]?.number ?? Infinity)) return Promise.resolve(true)
      if (flushing === undefined) return Promise.resolve(false)
      return new Promise((resolve) => asking.push({ number, resolve }))
    },
    confirm(number) {
      const kept = waiting.findIndex((one) => one.number > number)
      waiting = kept === -1 ? [] : waiting.slice(kept)
    },
    resend() {
      last = 0
    },
    flush: () => (flushing ??= send().finally(() => (flushing = undefined))),
    oldest: () => waiting[0]?.number,
    size: () => waiting.length,
  }
}
