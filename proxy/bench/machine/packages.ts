import { spawnSync } from 'node:child_process'

/** A program that the benchmarks run, and the Debian package that holds it. */
const NEEDED: readonly (readonly [program: string, debianPackage: string])[] = [
  ['nginx', 'nginx-light'],
  ['caddy', 'caddy'],
  ['h2load', 'nghttp2-client'],
  ['wrk', 'wrk'],
  ['openssl', 'openssl'],
  ['pebble', 'pebble'],
  ['taskset', 'util-linux'],
]

/**
 * Brings what is missing, as root on Debian; anybody else is told what to install.
 * @returns the command to run, or undefined when all is there.
 */
export function installMissing(): string | undefined {
  const missing = NEEDED.filter(([program]) => !hasProgram(program)).map(([, debianPackage]) => debianPackage)
  if (missing.length === 0) return undefined
  const mend = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (process.getuid?.() !== 0 || !hasProgram('apt-get')) return mend
  // A package's service must not serve here: run level 1 keeps it from being started (invoke-rc.d(8)).
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const apt = (...args: string[]): number | null =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status
  if (apt('update') !== 0 || apt('install', '-y', '--no-install-recommends', ...missing) !== 0) return mend
  for (const service of missing) spawnSync('service', [service.replace('-light', ''), 'stop'], { stdio: 'ignore' })
  return undefined
}

function hasProgram(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', program], { stdio: 'ignore' }).status === 0
}
