import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { differs, type Chapter, type Fault } from '../duty.ts'
import { closesWithin } from '../stage.ts'

const MB = 1024 * 1024
const SLOW_UPLOADS = 128
const DOWNLOAD_BYTES = 60 * MB
/** What the app may have handed over while nobody reads. Most of it is the kernel's, on both sides of the proxy: 7 to 12 MB. */
const TAKEN_BYTES = 16 * MB
/** The limit for a head is 10 s; those who look every second have cut it by then. */
const SLOW_HEAD_MS = 12_000

export const limits: Chapter = {
  title: 'Slow sides',
  duties: [
    {
      name: 'slow-uploads',
      says: `${SLOW_UPLOADS} slow form uploads leave everybody else unharmed`,
      async run({ app, visit, request, calls }): Promise<Fault> {
        const form = { line: 'POST / HTTP/1.1', fields: ['Content-Length: 99'], body: 'name=' }
        app(({ socket, lines }) => lines[0]?.startsWith('GET') && socket.write('HTTP/1.1 204 No Content\r\n\r\n'))
        await Promise.all(
          Array.from({ length: SLOW_UPLOADS }, async () => {
            const slow = await visit()
            slow.send(request(form))
          }),
        )
        // A proxy that collects bodies first keeps them to itself: then there is nothing to wait for.
        for (let waits = 0; waits < 20 && calls.length < SLOW_UPLOADS; waits++) await sleep(50)
        const other = await visit()
        other.send(request())
        return differs('status', String((await other.answer())?.status), '204')
      },
    },
    {
      name: 'slow-reader',
      says: `a visitor who stops reading 60 MB takes at most ${TAKEN_BYTES / MB} MB from the app`,
      async run({ app, visit, request, called }): Promise<Fault> {
        let taken = (): number => 0
        app(({ socket }) => (taken = pour(socket)))
        const visitor = await visit()
        visitor.socket.pause()
        visitor.send(request())
        await called()
        const bytes = await settled(() => taken())
        return bytes <= TAKEN_BYTES ? undefined : `${Math.round(bytes / MB)} MB`
      },
    },
    {
      name: 'slow-head',
      says: 'a head that takes longer than 10 s is cut when it should be',
      deadlineMs: SLOW_HEAD_MS + 4000,
      async run({ visit, request }): Promise<Fault> {
        const visitor = await visit()
        visitor.send(request().slice(0, -2))
        const drip = setInterval(() => visitor.socket.writable && visitor.send('X-Slow: 1\r\n'), 500)
        const ended = new Promise((resolve) => visitor.socket.once('end', resolve)).then(() => true)
        const cut = await Promise.race([ended, closesWithin(visitor.socket, SLOW_HEAD_MS)])
        clearInterval(drip)
        return cut ? undefined : `still open after ${SLOW_HEAD_MS / 1000} s`
      },
    },
  ],
}

/** Writes a long answer as fast as it is taken. @returns how many bytes were. */
function pour(socket: Socket): () => number {
  const chunk = Buffer.alloc(64 * 1024)
  let written = 0
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${DOWNLOAD_BYTES}\r\n\r\n`)
  async function pump(): Promise<void> {
    while (written < DOWNLOAD_BYTES && !socket.destroyed) {
      written += chunk.length
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
  }
  // The visitor leaves in the end, and with it this connection.
  pump().catch(() => undefined)
  return () => written - socket.writableLength
}

/** A number that grows, once it has stopped for half a second. */
async function settled(number: () => number): Promise<number> {
  let before = -1
  while (before !== number()) {
    before = number()
    await sleep(500)
  }
  return before
}
