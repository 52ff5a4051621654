import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

type Lock = { packages: Record<string, { dev?: boolean; devOptional?: boolean }> }

await t.test('a release in production brings no compiler', async (t) => {
  const file = join(import.meta.dirname, '../../package-lock.json')
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as Lock
  const compilers = Object.entries(packages).filter(([name]) => /\/typescript(-[a-z0-9-]+)?$/.test(name))
  t.ok(compilers.length > 0)
  // valibot names TypeScript as an optional peer, for which npm would install it (60 MB): its entry in the lock file is without that.
  t.strictSame(
    compilers.filter(([, { dev }]) => dev !== true),
    [],
  )
})
