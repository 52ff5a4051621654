import { chmod, chown, mkdir, readlink } from 'node:fs/promises'
import { placesIn } from '../../cache/disk/places.ts'
import { fail, ok, quote, warn, type Diagnosis, type Trouble } from './diagnosis.ts'
import {
  blotDirectory,
  edgeAccount,
  findAccount,
  findBarrier,
  findGroup,
  freeAt,
  lstatOf,
  mayAccess,
  modeOf,
  statOf,
  type Account,
  type Machine,
} from './machine.ts'

const LEAST_BYTES = 100 * 1024 * 1024
const FEW_BYTES = 1024 * 1024 * 1024
const LEAST_SHARE = 0.01
const FEW_SHARE = 0.05
/** The app writes, the edge reads, nobody else enters; what is made inside has the edge's group. */
const CACHE_MODE = 0o2750
const OWN_MODE = 0o700

/** The folders that app and edge share: there, no dead links, for the right users, with room. */
export async function examineFolders(machine: Machine): Promise<Diagnosis[]> {
  const { cacheDirectory, dataDirectory, store } = machine.config
  const found = [await link(blotDirectory(machine), 'the app and its data are not where everybody looks for them')]
  if (cacheDirectory !== undefined) {
    found.push(...(await cacheFolder(machine, cacheDirectory)), ...(await room(cacheDirectory, 'pages are not stored')))
  }
  if (dataDirectory !== undefined) found.push(...(await room(dataDirectory, LOST)))
  if (store?.kind === 'file') found.push(...(await room(store.directory, LOST)))
  return found.filter((diagnosis) => diagnosis !== undefined)
}

const LOST = 'certificates that were paid for with the limits of the CA cannot be kept'

/** @returns undefined for what is not there at all. */
async function link(path: string, why: string): Promise<Diagnosis | undefined> {
  const itself = await lstatOf(path)
  if (itself === undefined || !itself.isSymbolicLink()) return undefined
  const target = await readlink(path)
  if ((await statOf(path)) !== undefined) return ok(path, `is a link to ${target}`)
  return fail(path, `is a link to ${target}, which is not there`, { why, mend: `ln -sfn FOLDER ${quote(path)}` })
}

async function cacheFolder(machine: Machine, path: string): Promise<Diagnosis[]> {
  const why = 'pages are neither written nor delivered from it: every visit asks the app'
  const linked = await link(path, why)
  if (linked?.state === 'fail') return [linked]
  const folder = await statOf(path)
  const owner = await ownerOf(machine)
  const mend = `install -d -m 2750 -o ${owner.name} -g ${owner.group} ${quote(path)}`
  if (folder === undefined && machine.mode === 'dev') return [ok(path, 'is not there yet: the app makes it')]
  if (folder === undefined) return [fail(path, 'is not there', { why, mend, ...making(path, owner) })]
  if (!folder.isDirectory()) return [fail(path, 'is no folder', { why, mend: `move it away; then: ${mend}` })]
  const notes = linked === undefined ? [] : [linked]
  return [...notes, await shared(machine, path, owner), ...(await ownTier(machine, path))]
}

type Owner = { readonly name: string; readonly uid: number | undefined; readonly group: string; readonly gid?: number }

/** The app's user and the edge's group. */
async function ownerOf(machine: Machine): Promise<Owner> {
  const name = machine.text('BLOT_USER') ?? 'blot'
  const group = machine.config.user ?? 'blot-edge'
  const [account, gid] = await Promise.all([findAccount(machine, name), findGroup(machine, group)])
  return { name, uid: account?.uid, group, ...(gid !== undefined && { gid }) }
}

/** Only root can give a folder to another user. */
function making(path: string, { uid, gid }: Owner): Pick<Trouble, 'fix'> {
  if (process.getuid?.() !== 0 || uid === undefined || gid === undefined) return {}
  return {
    async fix() {
      await mkdir(path, { recursive: true })
      await chown(path, uid, gid)
      await chmod(path, CACHE_MODE)
    },
  }
}

async function shared(machine: Machine, path: string, owner: Owner): Promise<Diagnosis> {
  const folder = await statOf(path)
  const [edge, app] = [await edgeAccount(machine), await findAccount(machine, owner.name)]
  if (folder === undefined) return fail(path, 'is not there', {})
  const mend = `chown ${owner.name}:${owner.group} ${quote(path)} && chmod 2750 ${quote(path)}`
  const trouble = { mend, ...making(path, owner) }
  const barrier = edge && (await findBarrier(edge, path))
  if (barrier !== undefined) {
    const why = 'pages are there, and every visit asks the app all the same'
    return fail(path, `cannot be reached by ${edge?.name}: ${barrier} is closed to it`, { why })
  }
  if (edge !== undefined && !(mayAccess(edge, folder, 'read') && mayAccess(edge, folder, 'enter'))) {
    const why = 'pages are there, and every visit asks the app all the same'
    return fail(path, `cannot be read by ${edge.name} (${modeOf(folder)})`, { why, ...trouble })
  }
  if (machine.config.pageFiles === true && app !== undefined && !mayAccess(app, folder, 'write')) {
    return fail(path, `cannot be written by ${app.name}, the app's user (${modeOf(folder)})`, {
      why: 'BLOT_CACHE is true, and the app cannot write a page',
      ...trouble,
    })
  }
  const isApart = edge !== undefined && app !== undefined && edge.uid !== app.uid && edge.uid !== 0
  if (isApart && !(edge.gids.has(folder.gid) && (folder.mode & 0o2000) !== 0)) {
    return fail(path, `does not give what is made in it to the group ${owner.group} (${modeOf(folder)})`, {
      why: 'pages that the app writes from now on cannot be read by the edge',
      ...trouble,
    })
  }
  const isOpen = (folder.mode & 0o007) !== 0
  const why = 'other users of this machine can read the pages of private sites'
  return isOpen ? warn(path, `is open to everybody (${modeOf(folder)})`, { why, ...trouble }) : ok(path, 'is in order')
}

async function ownTier(machine: Machine, path: string): Promise<Diagnosis[]> {
  if (machine.config.diskCacheBytes === 0) return []
  const { root } = placesIn(path)
  const [folder, edge] = [await statOf(root), await edgeAccount(machine)]
  if (folder === undefined) return [ok(root, 'is not there yet: the edge makes it')]
  const isOwn = edge === undefined || folder.uid === edge.uid
  if (isOwn && (folder.mode & 0o777) === OWN_MODE) return [ok(root, 'is in order')]
  const trouble = {
    why: 'answers of the app are not stored, or others can read them',
    mend: `chown ${edge?.name ?? 'blot-edge'}: ${quote(root)} && chmod 0700 ${quote(root)}`,
    ...(process.getuid?.() === 0 ? { fix: () => own(root, edge) } : {}),
  }
  return [fail(root, `must be the edge's own, 0700, and is ${modeOf(folder)} of user ${folder.uid}`, trouble)]
}

async function own(root: string, edge: Account | undefined): Promise<void> {
  if (edge !== undefined) await chown(root, edge.uid, [...edge.gids][0] ?? edge.uid)
  await chmod(root, OWN_MODE)
}

async function room(path: string, why: string): Promise<Diagnosis[]> {
  const { bytes, share, inodes } = await freeAt(path)
  const mend = `df -h ${quote(path)}; du -xsh ${quote(path)}/*`
  const space = `has ${formatBytes(bytes)} free (${percent(share)})`
  const found: Diagnosis[] = []
  if (bytes < LEAST_BYTES) found.push(fail(`room at ${path}`, space, { why, mend }))
  else if (bytes < FEW_BYTES || share < FEW_SHARE) found.push(warn(`room at ${path}`, space, { why, mend }))
  else found.push(ok(`room at ${path}`, space))
  if (inodes !== undefined && inodes < FEW_SHARE) {
    const judge = inodes < LEAST_SHARE ? fail : warn
    const many = {
      why: 'a disk without inodes takes no new file, however much space is left',
      mend: `df -i ${quote(path)}`,
    }
    found.push(judge(`inodes at ${path}`, `${percent(inodes)} are free`, many))
  }
  return found
}

function formatBytes(bytes: number): string {
  return bytes < FEW_BYTES ? `${Math.round(bytes / 2 ** 20)} MB` : `${(bytes / 2 ** 30).toFixed(1)} GB`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
