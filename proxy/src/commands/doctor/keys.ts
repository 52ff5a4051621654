import { chmod, chown, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, quote, type Diagnosis } from './diagnosis.ts'
import { edgeAccount, findBarrier, mayAccess, modeOf, statOf, type Machine } from './machine.ts'

const OWN_MODE = 0o700
/** What the local CA hands out; its key lies beside it. */
const PUBLIC = 'local-ca/root.pem'
/** Files that are looked at in a folder of keys; the edge makes all of them alike. */
const MOST_FILES = 10_000

/** Private keys are for the edge's user alone. */
export async function examineKeys(machine: Machine): Promise<Diagnosis[]> {
  const { dataDirectory, store, wildcard } = machine.config
  const folders = new Set([dataDirectory, store?.kind === 'file' ? store.directory : undefined])
  const found: Diagnosis[] = []
  for (const folder of folders) if (folder !== undefined) found.push(...(await keyFolder(machine, folder)))
  if (wildcard !== undefined) found.push(await keyFile(machine, wildcard.keyFile))
  return found
}

async function keyFolder(machine: Machine, path: string): Promise<Diagnosis[]> {
  const folder = await statOf(path)
  if (folder === undefined) return [ok(path, 'is not there yet: the edge makes it')]
  const edge = await edgeAccount(machine)
  const isOwn = edge === undefined || folder.uid === edge.uid
  if (!isOwn || (folder.mode & 0o077) !== 0) {
    const what = isOwn ? `is open to others (${modeOf(folder)})` : `belongs to user ${folder.uid}, not ${edge.name}`
    return [
      fail(path, what, {
        why: 'it holds private keys: the edge must reach them, and nobody else',
        mend: `chown -R ${edge?.name ?? 'blot-edge'}: ${quote(path)} && chmod 0700 ${quote(path)}`,
        ...(process.getuid?.() === 0 || isOwn ? { fix: () => close(path, edge?.uid, isOwn) } : {}),
      }),
    ]
  }
  const open = await findOpenFiles(path)
  if (open.length === 0) return [ok(path, 'is for the edge alone')]
  return [
    fail(path, `holds files that others may read: ${open.slice(0, 3).join(', ')}`, {
      why: 'a backup or a copy takes the modes along, and the private keys with them',
      mend: `chmod -R go-rwx ${quote(path)}`,
      async fix() {
        for (const name of open) await chmod(join(path, name), 0o600)
      },
    }),
  ]
}

async function close(path: string, uid: number | undefined, isOwn: boolean): Promise<void> {
  if (!isOwn && uid !== undefined) await chown(path, uid, -1)
  await chmod(path, OWN_MODE)
}

async function findOpenFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const open: string[] = []
  for (const name of names.slice(0, MOST_FILES)) {
    const file = await statOf(join(folder, name))
    if (file?.isFile() === true && (file.mode & 0o044) !== 0 && name !== PUBLIC) open.push(name)
  }
  return open
}

async function keyFile(machine: Machine, path: string): Promise<Diagnosis> {
  const [file, edge] = [await statOf(path), await edgeAccount(machine)]
  // That it is not there is a fault of the configuration.
  if (file === undefined) return ok(path, 'cannot be looked at')
  if ((file.mode & 0o004) !== 0) {
    return fail(path, `can be read by everybody (${modeOf(file)})`, {
      why: 'it is the private key of every site of this host',
      mend: `chmod o-rwx ${quote(path)}`,
      fix: () => chmod(path, file.mode & 0o7770),
    })
  }
  const barrier = edge && (await findBarrier(edge, path))
  if (edge === undefined || (barrier === undefined && mayAccess(edge, file, 'read'))) return ok(path, 'is in order')
  return fail(path, `cannot be read by ${edge.name}${barrier === undefined ? '' : `: ${barrier} is closed to it`}`, {
    why: 'the workers run as that user, and do not start',
    mend: `chgrp ${edge.name} ${quote(path)} && chmod 0640 ${quote(path)}`,
  })
}
