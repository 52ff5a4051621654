import { spawnSync } from 'node:child_process'
import type { ProxyName } from './proxies/proxy.ts'

/** Debian's packages of the programs. */
const PACKAGES: Record<Exclude<ProxyName, 'edge'> | 'varnishd', string> = {
  nginx: 'nginx-light',
  caddy: 'caddy',
  haproxy: 'haproxy',
  varnishd: 'varnish',
}

/**
 * Brings the proxies that are not there, as root on Debian; anybody else is told what to install.
 * @returns the command that would bring them, or undefined when all are there.
 */
export function installMissing(names: readonly ('edge' | keyof typeof PACKAGES)[]): string | undefined {
  const missing = names.filter((name) => name !== 'edge').filter((name) => !hasProgram(name))
  if (missing.length === 0) return undefined
  const packages = missing.map((name) => PACKAGES[name])
  const mend = `apt-get install --no-install-recommends ${packages.join(' ')}`
  if (process.getuid?.() !== 0 || !hasProgram('apt-get')) return mend
  process.stderr.write(`installing ${packages.join(', ')}\n`)
  // A package's service must not serve here: run level 1 keeps it from being started (invoke-rc.d(8)).
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const apt = (...args: string[]): boolean =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status === 0
  if (!apt('update') || !apt('install', '-y', '--no-install-recommends', ...packages)) return mend
  for (const service of missing) spawnSync('service', [service, 'stop'], { stdio: 'ignore' })
  return undefined
}

function hasProgram(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' }).status === 0
}
