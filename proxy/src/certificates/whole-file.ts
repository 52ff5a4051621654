import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** What `writeWhole` calls a file that is not finished; a killed process leaves it behind. */
export const UNFINISHED = '.unfinished-'

/** Replaces a file as a whole, and durably: after a crash at any point it holds the old data or the new. */
export async function writeWhole(file: string, data: string, mode: number): Promise<void> {
  const folder = dirname(file)
  const unfinished = join(folder, `${UNFINISHED}${randomBytes(12).toString('hex')}`)
  try {
    await writeSynced(unfinished, data, mode)
    await rename(unfinished, file)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await syncFolder(folder)
}

/** Makes the names in a folder durable: a rename or a removal is lost in a crash until then. */
export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r')
  await handle.sync()
}

/** @returns undefined when there is no such file. Rejects with a RangeError for more than `maxBytes`. */
export async function readIfThere(file: string, maxBytes: number): Promise<string | undefined> {
  try {
    await using handle = await open(file, 'r')
    const { size } = await handle.stat()
    if (size > maxBytes) throw new RangeError(`${basename(file)} is larger than ${maxBytes} bytes`)
    return await handle.readFile('utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** @returns false when there was no such file. */
export async function removeIfThere(file: string): Promise<boolean> {
  try {
    await rm(file)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}

async function writeSynced(file: string, data: string, mode: number): Promise<void> {
  await using handle = await open(file, 'wx', mode)
  await handle.writeFile(data)
  await handle.sync()
}
