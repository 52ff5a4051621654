import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../commands/run-edge.ts'

export const ops = join(root, 'ops')

/** Debian's programs for root lie where the PATH of others does not lead. */
export const fullPath = `${process.env['PATH']}:/usr/sbin:/sbin`

export type OpsFile = { readonly name: string; readonly path: string; readonly text: string; readonly mode: number }

/** Every file of `ops/`, by its name in the repository. */
export function opsFiles(): OpsFile[] {
  return readdirSync(ops, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return {
        name: path.slice(root.length + 1),
        path,
        text: readFileSync(path, 'utf8'),
        mode: statSync(path).mode & 0o777,
      }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** What is run by its name, and not read by another program. */
export function isScript({ text }: OpsFile): boolean {
  return text.startsWith('#!')
}
