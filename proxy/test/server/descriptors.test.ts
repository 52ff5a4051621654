import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { connectionLimit, readDescriptorLimit } from '../../src/server/descriptors.ts'

await t.test('a process knows how many descriptors it may have', async (t) => {
  const program = join(import.meta.dirname, '../../src/server/descriptors.ts')
  const script = `import { readDescriptorLimit } from ${JSON.stringify(program)}; console.log(readDescriptorLimit())`
  const args = ['-c', 'ulimit -n 300; exec "$0" --input-type=module -e "$1"', process.execPath, script]
  const env = { PATH: process.env['PATH'] }
  t.equal(Number(execFileSync('sh', args, { encoding: 'utf8', env })), 300)
  t.equal(readDescriptorLimit('/nowhere'), 10_240, 'a system that does not say has some')
})

await t.test('connections leave room for what serves them', async (t) => {
  for (const [descriptors, connections] of [
    [256, 64],
    [1024, 448],
    [65_536, 20_000],
    [Infinity, 20_000],
    [64, 1],
  ] as const) {
    t.equal(connectionLimit(descriptors), connections, `of ${descriptors}`)
  }
})
