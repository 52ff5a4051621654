import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { PidFileUnwritable } from '../errors.ts'

/** Writes the pid whole. @returns a function that removes the file, unless it names another process by then. */
export function writePidFile(path: string): () => void {
  const temporary = `${path}.${process.pid}`
  try {
    writeFileSync(temporary, `${process.pid}\n`, { mode: 0o644 })
    renameSync(temporary, path)
  } catch (error) {
    throw new PidFileUnwritable(path, { cause: error })
  }
  return () => {
    if (readPid(path) === String(process.pid)) rmSync(path, { force: true })
  }
}

function readPid(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
