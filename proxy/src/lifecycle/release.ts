import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { codeOf, ReleaseUnusable } from '../errors.ts'
import type { Program } from './child.ts'

/** A folder with one version of the edge and the runtime that came with it, as it was found: links are resolved. */
export type Release = Program & {
  readonly root: string
  readonly version: string
}

/** From the folder of a release to what may be called in it. */
const LAUNCHER = 'bin/blot-edge'
const MAIN = 'proxy/src/main.ts'
const RUNTIME = 'node_modules/.bin/node'

/**
 * Finds the release that a path leads to now: a link such as `/opt/blot-edge/current` may have been moved since the edge was
 * started by it. Throws EDGE_ERR_RELEASE_UNUSABLE.
 * @param launchedAs absolute path of the launcher or of `main.ts`, with the links in it.
 * @param own the folder of the release that runs.
 */
export function findRelease(launchedAs: string, own: string): Release {
  const root = folderOf(launchedAs)
  const runtime = join(root, RUNTIME)
  // Whoever started this release with a Node.js of their own knows why.
  const isOwn = root === own && !existsSync(runtime)
  const missing = `no Node.js in ${root}/node_modules: run "npm ci" in ${root}`
  const node = isOwn ? process.execPath : realpath(runtime, missing)
  return { root, node, argv: [join(root, MAIN)], version: readVersion(root) }
}

function folderOf(launchedAs: string): string {
  const file = realpath(launchedAs, 'it is not there')
  const inside = [LAUNCHER, MAIN].find((path) => basename(path) === basename(file)) ?? MAIN
  return join(file, ...inside.split('/').map(() => '..'))
}

export function readVersion(root: string): string {
  try {
    return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
  } catch (error) {
    throw new ReleaseUnusable(root, `package.json cannot be read (${codeOf(error)})`, { cause: error })
  }
}

function realpath(path: string, otherwise: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw new ReleaseUnusable(path, otherwise, { cause: error })
  }
}
