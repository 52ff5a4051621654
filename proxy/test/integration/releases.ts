import { cpSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')

/** Folders of releases beside a link `current`, as deployments have them. */
export type Releases = {
  /** The launcher, by way of the link. */
  readonly program: string
  /** Makes a release: this checkout under another version. @returns its folder. */
  add(version: string): string
  /** Moves the link in one step. */
  switchTo(version: string): void
}

export function makeReleases(directory: string): Releases {
  const current = join(directory, 'current')
  const folderOf = (version: string): string => join(directory, 'releases', version)
  mkdirSync(join(directory, 'releases'), { recursive: true })
  return {
    program: join(current, 'bin/blot-edge'),
    add(version) {
      const folder = folderOf(version)
      for (const part of ['bin', 'proxy/src']) cpSync(join(ROOT, part), join(folder, part), { recursive: true })
      const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
      return folder
    },
    switchTo(version) {
      symlinkSync(folderOf(version), `${current}.next`)
      renameSync(`${current}.next`, current)
    },
  }
}
