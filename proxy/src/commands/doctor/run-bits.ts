import { chmod, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, quote, type Diagnosis } from './diagnosis.ts'
import { blotDirectory, statOf, type Machine } from './machine.ts'

/** Scripts that a copy, an archive or a checkout robbed of their run bit are noticed when Monit calls them at night. */
export async function examineRunBits(machine: Machine): Promise<Diagnosis[]> {
  const folders = [join(machine.release, 'bin'), join(machine.release, 'ops'), join(blotDirectory(machine), 'scripts')]
  const found = (await Promise.all(folders.map(findScripts))).flat()
  const stopped = found.filter(({ mode }) => (mode & 0o111) === 0)
  if (stopped.length === 0) return [ok('scripts', `${found.length} can be run`)]
  return stopped.map(({ path, mode }) =>
    fail(path, 'is a script that cannot be run', {
      why: 'whoever calls it gets "permission denied": at boot, from cron, from Monit',
      mend: `chmod +x ${quote(path)}`,
      fix: () => chmod(path, (mode & 0o777) | ((mode & 0o444) >> 2)),
    }),
  )
}

/** Files that begin with `#!`, of a folder that may be absent. */
async function findScripts(folder: string): Promise<{ path: string; mode: number }[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const file = await statOf(path)
      // What only others source has no name of a program to run it.
      return file?.isFile() === true && !path.includes('/lib/') && (await isScript(path))
        ? [{ path, mode: file.mode }]
        : []
    }),
  )
  return found.flat()
}

async function isScript(path: string): Promise<boolean> {
  try {
    await using file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return bytesRead === 2 && buffer.toString('latin1') === '#!'
  } catch {
    return false
  }
}
