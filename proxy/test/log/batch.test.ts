import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { batchLines } from '../../src/log/batch.ts'

/** Longer than this, POSIX keeps the writes of several processes into one pipe apart for nobody. */
const PIPE_BUF = 4096

await t.test('the lines of one turn leave together, in order, and never more than a pipe takes whole', async (t) => {
  const writes: string[] = []
  const log = batchLines({ write: (text: string) => void writes.push(text) })
  const lines = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(100)}\n`)
  for (const line of lines) log.write(line)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.equal(writes.join(''), lines.join(''))
  t.ok(writes.length < 5, `${writes.length} writes`)
  t.ok(writes.every(({ length }) => length <= PIPE_BUF))
})

await t.test('what waits is written when the process exits in the same turn', async (t) => {
  const batch = new URL('../../src/log/batch.ts', import.meta.url).href
  const program = `
    import { writeSync } from 'node:fs'
    import { batchLines } from ${JSON.stringify(batch)}
    batchLines({ write: (text) => void writeSync(1, text) }).write('the last line\\n')
    process.exit(3)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.equal(await text(child.stdout), 'the last line\n')
})
