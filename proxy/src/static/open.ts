import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs'
import { codeOf } from '../errors.ts'

/** A regular file, open for reading. Whoever holds it closes the descriptor. */
export type OpenFile = {
  readonly descriptor: number
  /** Bytes. */
  readonly size: number
  /** Equal for two files only if they are the same file with the same content. */
  readonly identity: string
  readonly modifiedMs: number
  /** When content or inode last changed, by the kernel's clock: nobody can set it back, as they can the time of modification. */
  readonly changedMs: number
}

// A FIFO without a writer must not hang the open; a terminal must not become ours.
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * What is at this path, links followed; undefined if nothing. Throws the system's other errors (EACCES, EIO…).
 * Costs a microsecond where a failing open, which throws, costs eight.
 */
export function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (['ENAMETOOLONG', 'ELOOP'].includes(codeOf(error))) return undefined
    throw error
  }
}

/**
 * Opens a regular file whose real path lies in `root` and has no dotfile on its way below it. The real path is that of the
 * descriptor, so it does not matter what is renamed or linked meanwhile.
 * @param root real path of a folder, without a slash at its end.
 * @param path where to look; the caller has seen a regular file there.
 * @param hides names, by their real path below the root, that are not to be opened by whatever link.
 * @returns undefined if it is gone, no regular file, hidden, or lies elsewhere. Throws the system's other errors (EACCES, EMFILE…).
 */
export function openWithin(root: string, path: string, hides?: (name: string) => boolean): OpenFile | undefined {
  const descriptor = openIfThere(path)
  if (descriptor === undefined) return undefined
  let accepted: OpenFile | undefined
  try {
    const file = examine(descriptor)
    const real = file && realPathOf(descriptor, path)
    if (real !== undefined && isWithin(root, real) && hides?.(real.slice(root.length)) !== true) accepted = file
  } finally {
    if (accepted === undefined) closeSync(descriptor)
  }
  return accepted
}

/** The file behind a descriptor as it is now; undefined if it is no regular one. */
export function examine(descriptor: number): OpenFile | undefined {
  const stats = fstatSync(descriptor, { bigint: true })
  if (!stats.isFile()) return undefined
  return {
    descriptor,
    size: Number(stats.size),
    identity: `${stats.dev}-${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`,
    modifiedMs: Number(stats.mtimeMs),
    changedMs: Number(stats.ctimeMs),
  }
}

/** Reads a file from its beginning; less than `size` bytes when it has been cut meanwhile. */
export function readWhole(file: OpenFile): Buffer {
  const body = Buffer.allocUnsafeSlow(file.size)
  let length = 0
  while (length < body.length) {
    const read = readSync(file.descriptor, body, length, body.length - length, length)
    if (read === 0) return body.subarray(0, length)
    length += read
  }
  return body
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, FLAGS)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENXIO'].includes(codeOf(error))) return undefined
    throw error
  }
}

function isWithin(root: string, real: string): boolean {
  return real.startsWith(`${root}/`) && !real.includes('/.', root.length)
}

function realPathOf(descriptor: number, path: string): string | undefined {
  if (process.platform === 'linux') return readlinkSync(`/proc/self/fd/${descriptor}`)
  return realPathByName(descriptor, path)
}

/** Where there is no `/proc`: the real path of the name, if it still leads to the very file that is open. */
export function realPathByName(descriptor: number, path: string): string | undefined {
  const real = realpathSync.native(path)
  const named = statSync(real, { bigint: true, throwIfNoEntry: false })
  const open = fstatSync(descriptor, { bigint: true })
  return named?.dev === open.dev && named.ino === open.ino ? real : undefined
}
