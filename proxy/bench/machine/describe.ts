import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

/** Where and with what a run was made. */
export type Surroundings = {
  readonly machine: { cpu: string; cores: number; memoryGb: number; system: string }
  readonly versions: Readonly<Record<string, string>>
  /** `1a2b3c4`, with a `+` when the sources differ from it; undefined outside a checkout. */
  readonly commit: string | undefined
}

const require = createRequire(import.meta.url)

export function describeSurroundings(root: string): Surroundings {
  return {
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGb: Math.round(totalmem() / 2 ** 30),
      system: `${type()} ${release()} ${arch()}`,
    },
    versions: {
      edge: versionIn(join(root, 'package.json')),
      node: process.versions.node,
      'openssl of node': process.versions.openssl,
      nginx: ask('nginx', ['-v'], /nginx\/(\S+)/),
      caddy: ask('caddy', ['version'], /v?(\d\S+)/),
      openssl: ask('openssl', ['version'], /OpenSSL (\S+)/),
      autocannon: versionIn(require.resolve('autocannon/package.json')),
      h2load: ask('h2load', ['--version'], /nghttp2\/(\S+)/),
      wrk: ask('wrk', ['-v'], /(\d\S+)/),
    },
    commit: commitOf(root),
  }
}

function versionIn(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}

function ask(program: string, args: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? 'unknown'
}

function commitOf(root: string): string | undefined {
  const git = (...args: string[]) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' })
  const head = git('rev-parse', '--short', 'HEAD')
  if (head.status !== 0) return undefined
  const isChanged = git('status', '--porcelain', '--', 'proxy/src', 'package-lock.json').stdout !== ''
  return head.stdout.trim() + (isChanged ? '+' : '')
}
