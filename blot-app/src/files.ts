import { randomBytes } from 'node:crypto'
import { lstat, open, readdir, rename, rm, symlink } from 'node:fs/promises'
import path from 'node:path'

const hourMs = 3_600_000

/** Whether a file-system error carries one of these codes, for example ENOENT. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

/** A name that nothing else has, for a file that is renamed into place. */
export function temporaryName(): string {
  return randomBytes(12).toString('hex')
}

/** Writes a file so that a reader sees the old or the new content and never a part: temporary, fsync, rename. */
export async function writeWhole(file: string, content: string): Promise<void> {
  const temporary = path.join(path.dirname(file), `.${temporaryName()}`)
  try {
    const handle = await open(temporary, 'wx', 0o644)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Points a link somewhere in one step: no reader finds it missing. */
export async function replaceLink(link: string, target: string, temporaryFolder: string): Promise<void> {
  const temporary = path.join(temporaryFolder, temporaryName())
  await symlink(target, temporary)
  try {
    await rename(temporary, link)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Names in a folder, or none when it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    throw error
  }
}

/** Clears temporary files that a killed process left. Young ones may belong to a process that is still draining. */
export async function removeAbandoned(folder: string, olderThanMs = hourMs): Promise<void> {
  const names = await namesIn(folder)
  await eachAtMost(8, names, async (name) => {
    const file = path.join(folder, name)
    const found = await lstat(file).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs < olderThanMs) return
    await rm(file, { recursive: true, force: true })
  })
}

/** Runs `work` over all items, at most `limit` at a time. The first failure rejects. */
export async function eachAtMost<Item>(
  limit: number,
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = oneByOne(items)
  async function worker(): Promise<void> {
    for await (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: limit }, worker))
}

async function* oneByOne<Item>(items: Iterable<Item>): AsyncGenerator<Item, void> {
  yield* items
}
