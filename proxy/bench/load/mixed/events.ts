import { failureOf, incidentOf } from './ask.ts'
import { Failure, outcomeOf, type Outcome } from './outcomes.ts'
import type { Opened } from './transport.ts'
import { pause, type Visitor } from './visitor.ts'

/** A stream that says nothing for so long has been forgotten by somebody on the way. */
const SILENCE_MS = 30_000
/** What browsers wait before they connect again; theirs is longer. */
const RECONNECT_MS = 100

/**
 * Follows server-sent events until the load ends. A stream that ends is opened anew from the last event, as browsers do; an event
 * that is missing or comes twice is a failure.
 */
export async function followEvents(visitor: Visitor): Promise<void> {
  const { world, host, transport, tally } = visitor
  const path = `/events/${visitor.nextId()}`
  const position = { last: 0 }
  while (!world.signal.aborted) {
    const beganMs = Date.now()
    const resume = position.last === 0 ? {} : { 'last-event-id': String(position.last) }
    const headers = { accept: 'text/event-stream', ...resume }
    try {
      await read(await transport.open({ method: 'GET', host, path, headers }), position, visitor)
    } catch (error) {
      const failure = failureOf(error)
      const isEnd = failure.unprocessed || failure.outcome === 'cut'
      tally.record(incidentOf(visitor, beganMs, failure, isEnd ? 'reconnect' : failure.outcome))
      await pause(visitor, RECONNECT_MS)
    }
  }
}

/** Resolves when the load ends; rejects with a `Failure` when the stream does. */
async function read(opened: Opened, position: { last: number }, visitor: Visitor): Promise<void> {
  const { signal } = visitor.world
  const { body, port, reused, status } = opened
  const failure = (outcome: Exclude<Outcome, 'ok'>, detail: string): Failure =>
    new Failure(detail, { outcome, phase: 'open', port, reused })
  const leave = (): unknown => body.destroy()
  signal.addEventListener('abort', leave)
  const silence = setTimeout(() => body.destroy(failure('timeout', 'silence')), SILENCE_MS)
  try {
    // It may have ended while the stream was opened.
    if (signal.aborted) return
    if (status !== 200) throw failure('wrongStatus', String(status))
    for await (const event of eventsOf(body)) {
      silence.refresh()
      const id = Number(/^id: (\d+)$/m.exec(event)?.[1])
      if (id !== position.last + 1) {
        throw failure(id <= position.last ? 'duplicate' : 'wrongBody', `event ${id} after ${position.last}`)
      }
      position.last = id
      visitor.tally.ok(visitor.kind)
    }
    throw failure('cut', `ended after event ${position.last}`)
  } catch (error) {
    if (signal.aborted) return
    throw error instanceof Failure ? error : failure(outcomeOf(error as Error, 'open'), (error as Error).message)
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', leave)
    body.destroy()
  }
}

async function* eventsOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let text = ''
  for await (const chunk of body) {
    text += chunk.toString()
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    yield* events
  }
}
