import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkPidFile, writePidFile } from '../../src/commands/pid-file.ts'

await t.test('it holds the pid while the edge runs, and nothing is left beside it', async (t) => {
  const directory = t.testdir()
  const path = join(directory, 'edge.pid')
  const remove = writePidFile(path)
  t.equal(readFileSync(path, 'utf8'), `${process.pid}\n`)
  t.same(readdirSync(directory), ['edge.pid'])
  remove()
  t.notOk(existsSync(path))
  t.doesNotThrow(remove, 'whoever removed it first')
})

await t.test('the file of another edge stays', async (t) => {
  const path = join(t.testdir(), 'edge.pid')
  const remove = writePidFile(path)
  writeFileSync(path, '1\n')
  remove()
  t.equal(readFileSync(path, 'utf8'), '1\n')
})

await t.test('a check changes nothing', async (t) => {
  const directory = t.testdir({ 'edge.pid': '1\n' })
  const path = join(directory, 'edge.pid')
  checkPidFile(path)
  t.equal(readFileSync(path, 'utf8'), '1\n')
  t.same(readdirSync(directory), ['edge.pid'])
})

await t.test('one that cannot be written says what to do', async (t) => {
  const path = join(t.testdir(), 'nowhere/edge.pid')
  for (const write of [writePidFile, checkPidFile]) {
    t.throws(() => write(path), {
      code: 'EDGE_ERR_PID_FILE_UNWRITABLE',
      message: /nowhere\/edge\.pid \(EDGE_PID_FILE\)/,
    })
  }
})
