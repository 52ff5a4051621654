import { lstat, readFile, stat, statfs } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import type { Stats } from 'node:fs'
import type { Config, Mode, Origin } from '../../config.ts'

/** What an examination may look at. */
export type Machine = {
  readonly mode: Mode
  /** As much of it as could be resolved. */
  readonly config: Partial<Config>
  readonly origins: readonly Origin[]
  /** The environment file that is read, whether it is there or not. */
  readonly environmentFile: string
  /** A variable of environment file or environment, of the app's as well. */
  text(name: string): string | undefined
  /** The release: the folder with `package.json`. */
  readonly release: string
  /** Where the system's own files begin, `/` outside of tests: `/proc`, `/sys`, `/etc`. */
  readonly system: string
}

/** Blot's own folder. */
export function blotDirectory(machine: Machine): string {
  return machine.text('BLOT_DIRECTORY') ?? '/var/www/blot'
}

/** Text of one of the system's files; undefined where it is not there or not ours to read. */
export function readSystem({ system }: Machine, path: string): Promise<string | undefined> {
  return readFile(join(system, path), 'utf8').catch(() => undefined)
}

/** @returns undefined where nothing is there, or where a link leads nowhere. */
export function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined)
}

/** Of the link itself. */
export function lstatOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined)
}

/** Free space where `path` is, or would be made. `inodes`: undefined on a file system that does not count them. */
export async function freeAt(path: string): Promise<{ bytes: number; share: number; inodes: number | undefined }> {
  let nearest = path
  while ((await statOf(nearest)) === undefined && nearest !== dirname(nearest)) nearest = dirname(nearest)
  const { bavail, bsize, blocks, files, ffree } = await statfs(nearest)
  return { bytes: bavail * bsize, share: bavail / Math.max(blocks, 1), inodes: files === 0 ? undefined : ffree / files }
}

/** A user of this machine, with all groups. */
export type Account = { readonly name: string; readonly uid: number; readonly gids: ReadonlySet<number> }

/** Reads passwd(5) and group(5). @returns undefined for a name that is not there. */
export async function findAccount(machine: Machine, name: string): Promise<Account | undefined> {
  const rows = await readTable(machine, '/etc/passwd')
  const row = rows.find(([login, , uid]) => login === name || uid === name)
  if (row === undefined) {
    const self = userInfo()
    return self.username === name ? { name, uid: self.uid, gids: new Set([self.gid]) } : undefined
  }
  const groups = (await readTable(machine, '/etc/group')).filter(([, , , members = '']) =>
    members.split(',').includes(row[0] ?? ''),
  )
  return {
    name: row[0] ?? name,
    uid: Number(row[2]),
    gids: new Set([Number(row[3]), ...groups.map(([, , gid]) => Number(gid))]),
  }
}

/** @returns undefined for a group that is not there. */
export async function findGroup(machine: Machine, name: string): Promise<number | undefined> {
  const row = (await readTable(machine, '/etc/group')).find(([group]) => group === name)
  return row === undefined ? undefined : Number(row[2])
}

async function readTable(machine: Machine, path: string): Promise<string[][]> {
  const text = (await readSystem(machine, path)) ?? ''
  return text.split('\n').map((line) => line.split(':'))
}

/** Who runs what meets visitors: EDGE_USER when the primary is root, else whoever starts it. */
export async function edgeAccount(machine: Machine): Promise<Account | undefined> {
  const { user } = machine.config
  return findAccount(machine, process.getuid?.() === 0 && user !== undefined ? user : userInfo().username)
}

const READ = 4
const WRITE = 2
const ENTER = 1

export type Access = 'read' | 'write' | 'enter'

/** Would the kernel let this user do that, by owner and mode? (path_resolution(7); access lists are not looked at.) */
export function mayAccess({ uid, gids }: Account, found: Stats, access: Access): boolean {
  const bit = { read: READ, write: WRITE, enter: ENTER }[access]
  if (uid === 0) return true
  const shift = found.uid === uid ? 6 : gids.has(found.gid) ? 3 : 0
  return ((found.mode >> shift) & bit) !== 0
}

/** The first folder on the way to `path` that this user may not enter; undefined when it may reach it. */
export async function findBarrier(account: Account, path: string): Promise<string | undefined> {
  const above: string[] = []
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    above.unshift(folder)
    if (folder === dirname(folder)) break
  }
  for (const folder of above) {
    const found = await statOf(folder)
    if (found !== undefined && !mayAccess(account, found, 'enter')) return folder
  }
  return undefined
}

/** `0750` */
export function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
