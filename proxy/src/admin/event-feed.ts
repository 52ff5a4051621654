import { Readable } from 'node:stream'
import type { AdminEvent } from './contracts.ts'

const MAX_CLIENTS = 16
/** Events of each type that a new client is told first. */
const REMEMBERED = 50
const HEARTBEAT_MS = 15_000
/** A client that leaves this much unread is dropped: its browser comes back and is told what it missed. */
const MAX_UNREAD_BYTES = 256 * 1024

export type EventFeed = {
  /**
   * A stream of server-sent events, first those that are remembered and newer than `lastId`.
   * @returns undefined when there are too many clients.
   */
  open(lastId: string | undefined): Readable | undefined
  close(): void
}

type Remembered = { number: number; frame: string }

/** Server-sent events (WHATWG HTML 9.2) for a few clients. */
export function createEventFeed(onEvent: (listener: (event: AdminEvent) => void) => () => void): EventFeed {
  /** Numbers start again with the process: ids of another one must not hide events. */
  const epoch = Date.now()
  const remembered = new Map<AdminEvent['type'], Remembered[]>()
  const clients = new Set<Readable>()
  let number = 0

  const unsubscribe = onEvent((event) => {
    number += 1
    const frame = `id: ${epoch}-${number}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
    const ofType = remembered.get(event.type) ?? []
    remembered.set(event.type, [...ofType.slice(1 - REMEMBERED), { number, frame }])
    broadcast(frame)
  })
  const heartbeat = setInterval(() => broadcast(': heartbeat\n\n'), HEARTBEAT_MS).unref()

  function broadcast(frame: string): void {
    for (const client of clients) {
      if (client.readableLength > MAX_UNREAD_BYTES) client.destroy()
      else client.push(frame)
    }
  }

  function missedSince(lastId: string | undefined): string {
    const [, ofEpoch, last] = /^(\d+)-(\d+)$/.exec(lastId ?? '') ?? []
    const from = Number(ofEpoch) === epoch ? Number(last) : 0
    const missed = [...remembered.values()].flat().filter((event) => event.number > from)
    return missed
      .toSorted((one, other) => one.number - other.number)
      .map(({ frame }) => frame)
      .join('')
  }

  return {
    open(lastId) {
      if (clients.size >= MAX_CLIENTS) return undefined
      const client = new Readable({ read() {} })
      clients.add(client)
      client.once('close', () => clients.delete(client))
      client.push(`retry: 2000\n\n${missedSince(lastId)}`)
      return client
    },
    close() {
      unsubscribe()
      clearInterval(heartbeat)
      for (const client of clients) client.push(null)
    },
  }
}
