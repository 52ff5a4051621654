import { appendFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { load } from '../../src/cache/load.ts'
import { locate, type LocatedFile } from '../../src/cache/locate.ts'
import { openFilesIn, SETTLED_MS } from './fixture.ts'

/** A file as it is when its request has found it: open, and not read yet. */
function located(t: Test): { path: string; file: LocatedFile } {
  const root = t.testdir({ 'a.txt': 'old text' })
  const path = `${root}/a.txt`
  const file = locate([{ root, path, isFile: true, copies: [], policy: [] }], undefined)
  if (file?.kind !== 'file') throw new Error('not found')
  return { path, file }
}

await t.test('a file that stays as it is, is read once and kept', async (t) => {
  const { file } = located(t)
  const { found, final } = load(file, Date.now() + SETTLED_MS)
  t.ok(final)
  t.match(found, { kind: 'ready', body: Buffer.from('old text'), representation: { tag: /^"/ } })
})

await t.test(
  'one that changes between its fstat and the end of the read has a weak tag, and is not kept',
  async (t) => {
    const changes: [name: string, change: (path: string) => void, read: string][] = [
      ['written over', (path) => writeFileSync(path, 'new text'), 'new text'],
      ['cut', (path) => truncateSync(path, 3), 'old'],
      ['longer', (path) => appendFileSync(path, '!'), 'old text'],
      [
        'written over, and its time set back',
        (path) => {
          const { atime, mtime } = statSync(path)
          writeFileSync(path, 'new text')
          utimesSync(path, atime, mtime)
        },
        'new text',
      ],
      [
        'replaced',
        (path) => {
          writeFileSync(`${path}.new`, 'new text')
          renameSync(`${path}.new`, path)
        },
        'old text',
      ],
    ]
    for (const [name, change, read] of changes) {
      await t.test(name, async (t) => {
        const { path, file } = located(t)
        change(path)
        const { found, final } = load(file, Date.now() + SETTLED_MS)
        t.notOk(final, 'these are not the bytes of this file for good')
        if (found.kind !== 'ready') throw new Error('not read')
        const { tag, modifiedMs, whole } = found.representation
        t.match(tag, /^W\//)
        t.equal(modifiedMs, undefined, 'nor has it a date')
        t.equal(found.body.toString(), read)
        t.equal(whole.fields[whole.fields.indexOf('Content-Length') + 1], String(read.length), 'as long as it says')
        t.strictSame(openFilesIn(path.slice(0, path.lastIndexOf('/'))), [])
      })
    }
  },
)
