import { constants } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { open, realpath, stat, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { hasCode } from '../files.ts'

/** An open file that may be shown. Whoever gets it closes it. */
export interface PublicFile {
  readonly handle: FileHandle
  readonly stats: BigIntStats
}

/**
 * Opens a file of a folder, if it really lies there.
 * @param folder Absolute path of the folder.
 * @param name Path inside it, with forward slashes, decoded.
 * @param isPublic Asked of the name, and again of the place that links in it lead to.
 */
export async function openPublicFile(
  folder: string,
  name: string,
  isPublic: (name: string) => boolean,
): Promise<PublicFile | undefined> {
  if (!isPublic(name)) return undefined
  try {
    const [root, real] = await Promise.all([realpath(folder), realpath(path.join(folder, name))])
    const place = path.relative(root, real)
    const isInside = place !== '' && place !== '..' && !place.startsWith(`..${path.sep}`) && !path.isAbsolute(place)
    return isInside && isPublic(place.split(path.sep).join('/')) ? await openSame(real) : undefined
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG', 'ENXIO')) return undefined
    throw error
  }
}

/** Opens a path that has no link in it, without waiting for the other end of a pipe. */
async function openSame(real: string): Promise<PublicFile | undefined> {
  const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const stats = await handle.stat({ bigint: true })
    // The path may have been changed since it was resolved: the open file must be the one that is still there.
    const [again, now] = await Promise.all([realpath(real), stat(real, { bigint: true })])
    const isSame = again === real && now.ino === stats.ino && now.dev === stats.dev
    if (isSame && stats.isFile()) return { handle, stats }
  } catch (error) {
    await handle.close()
    throw error
  }
  await handle.close()
  return undefined
}
