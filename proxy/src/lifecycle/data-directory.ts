import { closeSync, constants, fchmodSync, fchownSync, fstatSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { placesIn } from '../cache/disk/places.ts'
import type { UserIds } from './user.ts'

const OWN_MODE = 0o700

/** The edge's own data (certificates, keys) is for the user alone whom workers and manager run as. */
export function prepareDataDirectory(directory: string, user: UserIds | undefined): void {
  own(directory, user, constants.O_DIRECTORY)
}

/**
 * The same for what the edge stores of the app's answers, beside what the app itself writes into the cache folder. A link there
 * may be the app's: followed by root, it would give any folder of the machine to the edge.
 */
export function prepareDiskCache(cacheDirectory: string, user: UserIds | undefined): void {
  own(placesIn(cacheDirectory).root, user, constants.O_DIRECTORY | constants.O_NOFOLLOW)
}

function own(directory: string, user: UserIds | undefined, flags: number): void {
  mkdirSync(dirname(directory), { recursive: true })
  mkdirSync(directory, { recursive: true, mode: OWN_MODE })
  const folder = openSync(directory, constants.O_RDONLY | flags)
  try {
    const { mode, uid, gid } = fstatSync(folder)
    if ((mode & 0o777) !== OWN_MODE) fchmodSync(folder, OWN_MODE)
    if (user !== undefined && (uid !== user.uid || gid !== user.gid)) fchownSync(folder, user.uid, user.gid)
  } finally {
    closeSync(folder)
  }
}
