import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { PidFileUnwritable } from '../errors.ts'

/** Writes the pid whole. @returns a function that removes the file, unless it names another process by then. */
export function writePidFile(path: string): () => void {
  orUnwritable(path, () => renameSync(writeBeside(path), path))
  return () => {
    if (readPid(path) === String(process.pid)) rmSync(path, { force: true })
  }
}

/** Throws as `writePidFile` would, and changes nothing. */
export function checkPidFile(path: string): void {
  orUnwritable(path, () => rmSync(writeBeside(path)))
}

function writeBeside(path: string): string {
  const temporary = `${path}.${process.pid}`
  writeFileSync(temporary, `${process.pid}\n`, { mode: 0o644 })
  return temporary
}

function orUnwritable(path: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw new PidFileUnwritable(path, { cause: error })
  }
}

function readPid(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
