import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { examine, openWithin, readWhole, realPathByName } from '../../src/static/open.ts'

await t.test('a file is opened if it lies in the folder', async (t) => {
  const root = t.testdir({ a: 'text', sub: { b: 'more' } })
  for (const [path, body] of [
    ['/a', 'text'],
    ['/sub/b', 'more'],
  ] as const) {
    const file = openWithin(root, root + path)
    t.equal(file && readWhole(file).toString(), body)
    if (file) closeSync(file.descriptor)
  }
})

await t.test('links may stay in the folder, and not lead out of it nor to a dotfile', async (t) => {
  const base = t.testdir({
    root: { a: 'text', '.git': { config: 'secret' } },
    'root-b': { x: 'theirs' },
    out: 'secret',
  })
  const root = `${base}/root`
  const link = (name: string, target: string): void => symlinkSync(target, `${root}/${name}`)
  link('inside', 'a')
  link('outside', '../out')
  link('absolute', '/etc/hostname')
  link('sibling', '../root-b')
  link('git', '.git')
  link('dotfile', '.git/config')
  link('loop', 'loop')
  const opened = (path: string): boolean => {
    const file = openWithin(root, `${root}/${path}`)
    if (file) closeSync(file.descriptor)
    return file !== undefined
  }
  t.ok(opened('inside'))
  for (const path of ['outside', 'absolute', 'sibling/x', 'git/config', 'dotfile', '../out']) {
    t.notOk(opened(path), path)
  }
  t.throws(() => opened('loop'), { code: 'ELOOP' })
})

await t.test('what is no regular file is never read', async (t) => {
  const root = t.testdir({ folder: {} })
  spawnSync('mkfifo', [`${root}/fifo`])
  for (const name of ['fifo', 'folder', 'absent', 'folder/absent']) {
    t.equal(openWithin(root, `${root}/${name}`), undefined, name)
  }
})

await t.test(
  'the identity of a file changes with content, with replacement, and with a time that is set back',
  async (t) => {
    const root = t.testdir({ a: 'one' })
    const identity = (): string | undefined => {
      const file = openWithin(root, `${root}/a`)
      if (file) closeSync(file.descriptor)
      return file?.identity
    }
    const seen = [identity()]
    t.equal(identity(), seen[0])
    writeFileSync(`${root}/a`, 'longer')
    seen.push(identity())
    writeFileSync(`${root}/new`, 'longer')
    renameSync(`${root}/new`, `${root}/a`)
    seen.push(identity())
    spawnSync('touch', ['-d', '2001-01-01', `${root}/a`])
    seen.push(identity())
    writeFileSync(`${root}/a`, 'newest')
    spawnSync('touch', ['-d', '2001-01-01', `${root}/a`])
    seen.push(identity())
    t.equal(new Set(seen).size, seen.length)
  },
)

await t.test('an open file that is removed is still the one that was checked', async (t) => {
  const root = t.testdir({ a: 'text' })
  const file = openWithin(root, `${root}/a`)
  unlinkSync(`${root}/a`)
  t.equal(file && readWhole(file).toString(), 'text')
  if (file) closeSync(file.descriptor)
})

await t.test('a file that is cut while it is read gives what is left of it, and another identity', async (t) => {
  const root = t.testdir({ a: 'text' })
  const file = openWithin(root, `${root}/a`)
  if (file === undefined) throw new Error('not opened')
  writeFileSync(`${root}/a`, 'te')
  t.equal(readWhole(file).toString(), 'te')
  t.not(examine(file.descriptor)?.identity, file.identity)
  closeSync(file.descriptor)
})

await t.test('without /proc the name must still lead to the file that is open', async (t) => {
  const root = t.testdir({ a: 'text', b: 'other' })
  mkdirSync(`${root}/sub`)
  symlinkSync('../a', `${root}/sub/link`)
  const descriptor = openSync(`${root}/sub/link`, 'r')
  t.equal(realPathByName(descriptor, `${root}/sub/link`), `${root}/a`)
  unlinkSync(`${root}/sub/link`)
  symlinkSync('../b', `${root}/sub/link`)
  t.equal(realPathByName(descriptor, `${root}/sub/link`), undefined)
  closeSync(descriptor)
})
