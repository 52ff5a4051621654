import type { BigIntStats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import path from 'node:path'
import { eachAtMost, hasCode } from '../files.ts'

export interface FoundFile {
  /** Path inside the folder, with forward slashes. */
  readonly source: string
  readonly bytes: number
  readonly modified: Date
  /** Changes whenever the file is written or replaced. */
  readonly stamp: string
}

const deepestFolder = 32
const statsAtOnce = 16

/**
 * Every regular file of a folder in the order of its path. Dotfiles are left out and links are not followed,
 * so nothing outside the folder is ever read.
 * @returns undefined when the folder does not exist.
 */
export async function walk(folder: string): Promise<FoundFile[] | undefined> {
  const top = await statIfThere(folder)
  if (top === undefined || !top.isDirectory()) return undefined
  const files: FoundFile[] = []
  await collect(folder, [], files)
  return files.toSorted((a, b) => (a.source < b.source ? -1 : 1))
}

async function collect(folder: string, segments: readonly string[], files: FoundFile[]): Promise<void> {
  const names = (await namesOf(path.join(folder, ...segments))).filter((name) => !name.startsWith('.'))
  const folders: string[] = []
  await eachAtMost(statsAtOnce, names, async (name) => {
    const stats = await statIfThere(path.join(folder, ...segments, name))
    if (stats?.isDirectory()) folders.push(name)
    if (stats?.isFile()) files.push(found([...segments, name].join('/'), stats))
  })
  if (segments.length >= deepestFolder) return
  await eachAtMost(1, folders, (name) => collect(folder, [...segments, name], files))
}

function found(source: string, stats: BigIntStats): FoundFile {
  return {
    source,
    bytes: Number(stats.size),
    modified: stats.mtime,
    stamp: [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(':'),
  }
}

async function statIfThere(file: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(file, { bigint: true })
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

async function namesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    // One folder without permission, or removed while we look, hides what is in it and nothing else.
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return []
    throw error
  }
}
