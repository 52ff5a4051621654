import { chmodSync, chownSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { placesIn } from '../cache/disk/places.ts'
import type { UserIds } from './user.ts'

const OWN_MODE = 0o700

/** The edge's own data (certificates, keys) is for the user alone whom workers and manager run as. */
export function prepareDataDirectory(directory: string, user: UserIds | undefined): void {
  mkdirSync(dirname(directory), { recursive: true })
  mkdirSync(directory, { recursive: true, mode: OWN_MODE })
  const { mode, uid, gid } = statSync(directory)
  if ((mode & 0o777) !== OWN_MODE) chmodSync(directory, OWN_MODE)
  if (user !== undefined && (uid !== user.uid || gid !== user.gid)) chownSync(directory, user.uid, user.gid)
}

/** The same for what the edge stores of the app's answers, beside what the app itself writes into the cache folder. */
export function prepareDiskCache(cacheDirectory: string, user: UserIds | undefined): void {
  prepareDataDirectory(placesIn(cacheDirectory).root, user)
}
