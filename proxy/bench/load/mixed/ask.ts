import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { Failure, outcomeOf, type Event, type Incident } from './outcomes.ts'
import type { Tally } from './tally.ts'
import { PATIENCE_MS, type Opened, type Question, type Transport } from './transport.ts'

/** What a visitor expects of an answer. */
export type Expected = {
  readonly status?: number
  /** SHA-256 of the body; undefined when any will do. */
  readonly digest: string | undefined
  /** A visitor who reads this many bytes, and then rests for so long. */
  readonly sips?: { readonly bytes: number; readonly restMs: number }
  /** What is slow by intention says nothing about the server's speed. */
  readonly untimed?: boolean
}

export type Asker = { readonly kind: string; readonly transport: Transport; readonly tally: Tally }

const TRIES = 3

/**
 * Asks, verifies the answer to its last byte, and counts what became of it. Asks again where HTTP allows it, which is counted as
 * an event. @returns whether it was answered as it should be.
 */
export async function ask(asker: Asker, question: Question, expected: Expected): Promise<boolean> {
  const { kind, transport, tally } = asker
  const beganMs = Date.now()
  const startedMs = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      const opened = await transport.open({ ...question, limitMs: question.limitMs ?? PATIENCE_MS })
      await verify(opened, expected)
      tally.ok(kind, expected.untimed === true ? undefined : performance.now() - startedMs)
      return true
    } catch (error) {
      const failure = failureOf(error)
      const event = attempt < TRIES ? eventOf(failure, question) : undefined
      tally.record(incidentOf(asker, beganMs, failure, event ?? failure.outcome))
      if (event === undefined) return false
    }
  }
}

/** Why it may be asked again, if it may. */
function eventOf({ unprocessed, reused, phase }: Failure, { method }: Question): Event | undefined {
  if (unprocessed) return 'refusedStream'
  return method === 'GET' && reused && phase === 'head' ? 'retried' : undefined
}

export function incidentOf(
  { kind, transport: { via } }: Asker,
  beganMs: number,
  { phase, port, reused, message }: Failure,
  what: Incident['what'],
): Incident {
  return { kind, what, via, phase, beganMs, endedMs: Date.now(), port, reused, detail: message }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error
  // What is no end of a connection is a fault of the load itself, and must not be counted as one of the server.
  throw error
}

/** Rejects with a `Failure`. */
async function verify(opened: Opened, { status = 200, digest, sips }: Expected): Promise<void> {
  const { port, reused } = opened
  const answered = await read(opened, sips)
  const at = { phase: 'body', port, reused } as const
  if (opened.status !== status) {
    const said = `${opened.status}: ${answered.begin}`
    throw new Failure(said, { ...at, outcome: 'wrongStatus' })
  }
  if (digest !== undefined && answered.digest !== digest) {
    throw new Failure(`${answered.bytes} bytes: ${answered.begin}`, { ...at, outcome: 'wrongBody' })
  }
}

const BEGIN = 120

async function read({ body, fault, port, reused }: Opened, sips: Expected['sips']) {
  const hash = createHash('sha256')
  let bytes = 0
  let begin = ''
  try {
    for await (const chunk of sips === undefined ? body : sip(body, sips)) {
      hash.update(chunk as Buffer)
      bytes += (chunk as Buffer).length
      if (begin.length < BEGIN) begin += (chunk as Buffer).toString('latin1', 0, BEGIN - begin.length)
    }
    const wrong = fault()
    if (wrong !== undefined) throw new Error(wrong)
  } catch (error) {
    const cause = error as Error
    throw new Failure(`${cause.message} after ${bytes} bytes`, {
      outcome: outcomeOf(cause, 'body'),
      phase: 'body',
      port,
      reused,
    })
  }
  return { digest: hash.digest('hex'), bytes, begin: begin.replaceAll(/\s+/g, ' ') }
}

async function* sip(body: Readable, { bytes, restMs }: NonNullable<Expected['sips']>): AsyncGenerator<Buffer> {
  let since = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    yield chunk
    since += chunk.length
    if (since < bytes) continue
    since = 0
    await sleep(restMs)
  }
}
