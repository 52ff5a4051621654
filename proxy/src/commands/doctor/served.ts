import { open, readdir, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fail, ok, quote, warn, type Diagnosis } from './diagnosis.ts'
import { blotDirectory, type Machine } from './machine.ts'

/** Hosts that are looked at, and names in the top folder of each. */
const MOST_HOSTS = 20_000
const MOST_NAMES = 1000
const HEAD_BYTES = 8192

/** Is anything within reach of visitors that must not be: keys, secrets, the edge's own folders, a repository? */
export async function examineServed(machine: Machine): Promise<Diagnosis[]> {
  const { cacheDirectory, appDataDirectory } = machine.config
  const folders = [
    ...(cacheDirectory === undefined ? [] : await linkedFolders(cacheDirectory)),
    ...(appDataDirectory === undefined ? [] : [join(appDataDirectory, 'static')]),
  ]
  const secret = await resolveAll([...ownFolders(machine)])
  const found: Diagnosis[] = []
  for (const folder of folders) {
    const real = await realpath(folder).catch(() => undefined)
    if (real !== undefined) found.push(...(await examineFolder(folder, real, secret)))
  }
  return found.length > 0 ? found : [ok('what is served', 'no key, secret or repository in it')]
}

function* ownFolders({ config, ...machine }: Machine): Generator<string> {
  if (config.dataDirectory !== undefined) yield config.dataDirectory
  if (config.store?.kind === 'file') yield config.store.directory
  yield join(blotDirectory({ config, ...machine }), 'config')
  yield '/etc'
}

async function resolveAll(paths: readonly string[]): Promise<string[]> {
  const resolved = await Promise.all(paths.map((path) => realpath(path).catch(() => undefined)))
  return resolved.filter((path) => path !== undefined)
}

/** Each host's `folder` and `static`. */
async function linkedFolders(cacheDirectory: string): Promise<string[]> {
  const hosts = await readdir(cacheDirectory).catch(() => [])
  const isHost = (name: string): boolean => !name.startsWith('.')
  return hosts
    .filter(isHost)
    .slice(0, MOST_HOSTS)
    .flatMap((host) => [join(cacheDirectory, host, 'folder'), join(cacheDirectory, host, 'static')])
}

async function examineFolder(folder: string, real: string, secret: readonly string[]): Promise<Diagnosis[]> {
  const within = secret.find(
    (path) => `${path}/`.startsWith(real === sep ? sep : `${real}/`) || real.startsWith(`${path}/`),
  )
  if (within !== undefined) {
    const why = 'whatever has no dot in front of its name there, anybody may download'
    const mend = `point ${quote(folder)} to the blog's own folder`
    return [fail(folder, `leads to ${real}, which holds or lies in ${within}`, { why, mend })]
  }
  const names = (await readdir(real).catch(() => [])).slice(0, MOST_NAMES)
  const found: Diagnosis[] = []
  for (const name of names) {
    const path = join(real, name)
    if (name === '.git') {
      found.push(
        warn(path, 'is a repository inside a folder that is served', {
          why: 'the edge never shows it, but another server put in its place would, with all history',
          mend: `move the repository out of ${quote(real)}`,
        }),
      )
    } else if (/^\.env(\..*)?$/.test(name)) {
      found.push(
        warn(path, 'is a file of secrets inside a folder that is served', {
          why: 'the edge never shows it, but another server put in its place would',
          mend: `move it out of ${quote(real)}, and replace what it holds`,
        }),
      )
    } else if (/\.(pem|key)$|^id_(rsa|ecdsa|ed25519)$/i.test(name) && (await holdsKey(path))) {
      const why = 'anybody may download it: treat it as stolen'
      found.push(fail(path, 'is a private key that is served', { why, mend: `move it away, and replace the key` }))
    }
  }
  return found
}

async function holdsKey(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead).includes('PRIVATE KEY-----')
  } catch {
    return false
  }
}
