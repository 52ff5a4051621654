import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../../errors.ts'

/**
 * Not synced: what a crash of the machine tears, its checksum tells; and an answer that is lost is asked for again.
 */
export async function writeTemporary(path: string, parts: readonly Buffer[]): Promise<void> {
  const write = (): Promise<void> => writeFile(path, parts, { mode: 0o600 })
  await write().catch((error: unknown) => makeFolder(error, path).then(write))
}

/** The rename makes it whole for every other process. */
export async function moveInto(temporary: string, path: string): Promise<void> {
  const move = (): Promise<void> => rename(temporary, path)
  await move().catch((error: unknown) => makeFolder(error, path).then(move))
}

async function makeFolder(error: unknown, path: string): Promise<void> {
  if (codeOf(error) !== 'ENOENT') throw error
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
}
