import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { prepareDataDirectory, prepareDiskCache } from '../../src/lifecycle/data-directory.ts'
import { resolveUser } from '../../src/lifecycle/user.ts'

const IS_ROOT = process.getuid?.() === 0

await t.test('only root can choose whom the workers run as', async (t) => {
  if (!IS_ROOT) {
    t.equal(resolveUser('nobody'), undefined)
    return
  }
  t.match(resolveUser('nobody'), { uid: Number, gid: Number })
  t.equal(resolveUser(undefined), undefined)
  for (const root of ['root', '0'])
    t.throws(() => resolveUser(root), { code: 'EDGE_ERR_USER_UNKNOWN', message: /is root/ })
  const unknown = { code: 'EDGE_ERR_USER_UNKNOWN', message: /there is no user .* \(EDGE_USER\): make it with "useradd/ }
  for (const name of ['no-such-user-here', '-u', '$(id)', '']) t.throws(() => resolveUser(name), unknown, name)
})

await t.test('the data directory is made for its user alone, and mended where it was open to others', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'data-directory-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const user = resolveUser('nobody')
  const made = join(root, 'a/b/edge')
  prepareDataDirectory(made, user)
  const open = join(root, 'open')
  mkdirSync(open, { mode: 0o777 })
  prepareDataDirectory(open, user)
  for (const directory of [made, open]) {
    const { mode, uid, gid } = statSync(directory)
    t.equal(mode & 0o777, 0o700)
    t.same({ uid, gid }, user ?? { uid: process.getuid?.(), gid: process.getgid?.() })
  }
  t.equal(
    statSync(join(root, 'a')).mode & 0o077,
    0o055 & statSync(join(root, 'a')).mode,
    'its parents are not the edge’s',
  )
})

await t.test('in the cache folder, where the app may put a link, none is followed', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'disk-cache-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const user = resolveUser('nobody')
  const [cache, elsewhere] = [join(root, 'cache'), join(root, 'elsewhere')]
  for (const folder of [cache, elsewhere]) mkdirSync(folder, { mode: 0o755 })
  symlinkSync(elsewhere, join(cache, '.edge'))
  t.throws(() => prepareDiskCache(cache, user), { code: 'ENOTDIR' })
  t.match(statSync(elsewhere), { mode: 0o40755, uid: process.getuid?.() })

  const link = join(root, 'link')
  mkdirSync(join(root, 'disk'))
  symlinkSync('disk', link)
  prepareDiskCache(link, user)
  t.equal(statSync(join(root, 'disk/.edge')).mode & 0o777, 0o700, 'the cache folder itself may be one')
})
