import { closeSync, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Kind } from '../mixed/kinds.ts'
import { visitAll } from '../mixed/lineup.ts'
import { createTally } from '../mixed/tally.ts'
import type { World } from '../mixed/visitor.ts'

/**
 * The mixed load as a process of its own. Its first line of input are its options, as JSON. It writes a report a line whenever it
 * is sent another line, and a last one when its input has ended and every visitor has finished.
 */

export type MixedInput = Pick<World, 'http' | 'https' | 'mainHost' | 'sites' | 'run' | 'seed' | 'pace' | 'secret'> & {
  /** What became of each POST is appended here. */
  readonly record: string
  readonly without: readonly Kind[]
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { record, without, ...options } = JSON.parse((await lines.next()).value as string) as MixedInput
const recordFd = openSync(record, 'a')
const over = new AbortController()
const tally = createTally()
const note = (line: string): unknown => writeSync(recordFd, `${line}\n`)
const visits = visitAll({ ...options, tally, note, signal: over.signal }, without)
const report = (): unknown => process.stdout.write(`${JSON.stringify(tally.report())}\n`)

for (;;) {
  const { done } = await lines.next()
  if (done === true) break
  report()
}
over.abort()
await visits
closeSync(recordFd)
process.stdout.write(`${JSON.stringify(tally.report())}\n`, () => process.exit())
