import { lstat, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { hasCode, temporaryName } from '../files.ts'

export interface Upload {
  readonly body: Readable
  /** Absolute path of the blog's folder. */
  readonly folder: string
  readonly segments: readonly string[]
  /** Absolute path of a folder for unfinished uploads. */
  readonly temporaryFolder: string
  readonly limitBytes: number
}

/** Why an upload was refused; `status` is what its sender is told. */
export class UploadRefused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'UploadRefused'
    this.status = status
  }
}

const silenceLimitMs = 60_000

/**
 * Streams a body into a file that appears whole or not at all.
 * @returns whether the file is new or took another's place.
 * @throws {UploadRefused}, or the stream's error when the sender went away: nothing is left then.
 */
export async function receiveUpload(upload: Upload): Promise<'created' | 'replaced'> {
  const { folder, segments } = upload
  const temporary = await temporaryFile(upload)
  try {
    await writeBody(upload, temporary)
    // Folders are made only for a file that has arrived.
    const parent = await makeFolders(folder, segments.slice(0, -1))
    return await moveIntoPlace(temporary, path.join(parent, segments.at(-1) ?? ''))
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Renaming needs one file system: beside the blog's files, hidden, where the data folder lies on another. */
async function temporaryFile({ folder, temporaryFolder }: Upload): Promise<string> {
  const [blog, temporary] = await Promise.all([stat(folder), stat(temporaryFolder)])
  const name = temporaryName()
  return blog.dev === temporary.dev ? path.join(temporaryFolder, name) : path.join(folder, `.upload-${name}`)
}

async function writeBody({ body, limitBytes }: Upload, temporary: string): Promise<void> {
  const handle = await open(temporary, 'wx', 0o644)
  const silence = setTimeout(() => body.destroy(new UploadRefused(408, 'nothing arrived for too long')), silenceLimitMs)
  let bytes = 0
  async function* counted(): AsyncGenerator<Buffer> {
    // The sender is to hear why it is refused, so its connection stays open.
    const chunks: AsyncIterable<Buffer> = body.iterator({ destroyOnReturn: false })
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > limitBytes) throw new UploadRefused(413, `a file may have at most ${limitBytes} bytes`)
      silence.refresh()
      yield chunk
    }
  }
  try {
    await handle.writeFile(counted())
    await handle.sync()
  } finally {
    clearTimeout(silence)
    await handle.close()
  }
}

/** Makes each missing folder on the way down. A link on the way could lead out of the blog and is refused. */
async function makeFolders(folder: string, segments: readonly string[]): Promise<string> {
  const [name, ...rest] = segments
  if (name === undefined) return folder
  const next = path.join(folder, name)
  try {
    await mkdir(next)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    const found = await lstat(next)
    if (!found.isDirectory()) throw new UploadRefused(409, 'a folder of the path is a file or a link')
  }
  return makeFolders(next, rest)
}

async function moveIntoPlace(temporary: string, file: string): Promise<'created' | 'replaced'> {
  const present = await lstat(file).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (present?.isDirectory()) throw new UploadRefused(409, 'there is a folder of this name')
  // A link at this place is replaced itself; what it leads to is not touched.
  await rename(temporary, file)
  await syncFolder(path.dirname(file))
  return present === undefined ? 'created' : 'replaced'
}

/** Makes the new name itself survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
