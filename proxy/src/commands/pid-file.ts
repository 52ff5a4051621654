import { rmSync, renameSync, writeFileSync } from 'node:fs'
import { PidFileUnwritable } from '../errors.ts'

/** Writes the pid whole. @returns a function that removes the file. */
export function writePidFile(path: string): () => void {
  const temporary = `${path}.${process.pid}`
  try {
    writeFileSync(temporary, `${process.pid}\n`, { mode: 0o644 })
    renameSync(temporary, path)
  } catch (error) {
    throw new PidFileUnwritable(path, { cause: error })
  }
  return () => rmSync(path, { force: true })
}
