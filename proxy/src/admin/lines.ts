import { Readable } from 'node:stream'

export const NDJSON = 'application/x-ndjson'

/** One JSON document a line. A reader that leaves ends the iteration. A failure is the last line: the status was sent. */
export function streamLines(values: AsyncIterable<unknown>): Readable {
  async function* lines(): AsyncGenerator<string> {
    try {
      for await (const value of values) yield `${JSON.stringify(value)}\n`
    } catch (error) {
      yield `${JSON.stringify({ error: error instanceof Error ? error.message : String(error) })}\n`
    }
  }
  return Readable.from(lines())
}
