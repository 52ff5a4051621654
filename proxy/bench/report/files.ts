import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Results } from './results.ts'

/** Names are dates, so that the last one by name is the newest. */
export function nameOf({ startedAt, mode }: Pick<Results, 'startedAt' | 'mode'>): string {
  return `${startedAt.slice(0, 19).replaceAll(':', '-')}-${mode}`
}

/** Writes a file whole, or leaves what was there. */
export function writeFile(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, name)
  writeFileSync(`${path}.new`, text, { flush: true })
  renameSync(`${path}.new`, path)
  return path
}

/** @returns the newest result in a folder, other than `except`; undefined if there is none. */
export function readLast(folder: string, except?: string): Results | undefined {
  const names = listResults(folder).filter((name) => name !== `${except}.json`)
  const last = names.at(-1)
  return last === undefined ? undefined : (JSON.parse(readFileSync(join(folder, last), 'utf8')) as Results)
}

/** Makes a result the only one in its folder. */
export function replaceAll(folder: string, results: Results): string {
  const path = writeFile(folder, `${nameOf(results)}.json`, `${JSON.stringify(results, null, 1)}\n`)
  for (const name of listResults(folder)) if (!path.endsWith(name)) rmSync(join(folder, name))
  return path
}

function listResults(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .toSorted()
  } catch {
    return []
  }
}
