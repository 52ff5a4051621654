import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findFiles, runAll, runCheck, runFile } from './run-files.ts'

/**
 * `npm test`: brings what the tests need from Debian, then lint, types and all tests; `npm test -- cache reload`: the test files with such names.
 * Its last line is `N passed, N failed`; the exit code is 0 only if nothing failed.
 */

/** A program that tests run for real, or a file that one of them loads, and the Debian package that holds it. */
const NEEDED: readonly (readonly [program: string, debianPackage: string])[] = [
  ['redis-server', 'redis-server'],
  ['chromium', 'chromium'],
  ['certutil', 'libnss3-tools'],
  ['curl', 'curl'],
  ['pebble', 'pebble'],
  ['openssl', 'openssl'],
  ['h2load', 'nghttp2-client'],
  ['shellcheck', 'shellcheck'],
  ['nginx', 'nginx'],
  ['/etc/nginx/modules-enabled/50-mod-http-lua.conf', 'libnginx-mod-http-lua'],
  ['/usr/share/lua/5.1/nginx/redis.lua', 'lua-nginx-redis'],
  ['/usr/share/lua/5.1/cjson/util.lua', 'lua-cjson'],
  ['jq', 'jq'],
  ['rsync', 'rsync'],
  ['python3', 'python3'],
  ['ip', 'iproute2'],
  ['systemd-nspawn', 'systemd-container'],
  ['systemd-analyze', 'systemd'],
  ['monit', 'monit'],
  ['fail2ban-regex', 'fail2ban'],
  ['logrotate', 'logrotate'],
  ['dnsmasq', 'dnsmasq-base'],
  ['faketime', 'faketime'],
]

/** Programs for root lie where the PATH of others does not lead. */
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`
const missing = NEEDED.filter(
  ([program]) =>
    spawnSync('sh', ['-c', `command -v ${program} || test -e ${program}`], { env: { ...process.env, PATH } }).status !==
    0,
)
if (missing.length > 0) install(missing.map(([, debianPackage]) => debianPackage))

// The edge is started hundreds of times: what V8 compiled for one is there for the next (`npm ci` empties it). Its processes run as
// several users, each of which has a folder of its own in there.
const compiled = join(import.meta.dirname, '../../node_modules/.cache/compiled')
mkdirSync(compiled, { recursive: true })
chmodSync(compiled, 0o1777)
process.env['NODE_COMPILE_CACHE'] = compiled

const names = process.argv.slice(2)
const checks = names.length === 0 ? ['lint', 'types'] : []
const files = findFiles(names)
if (files.length === 0) process.stdout.write(`No test file is named so: ${names.join(' ')}\n`)
const { passed, failed } = await runAll([
  ...checks.map((script) => () => runCheck(script)),
  ...files.map((file) => () => runFile(file)),
])
finish(passed, failed)

function step(name: string): void {
  process.stdout.write(`\n> ${name}\n`)
}

function finish(passedCount: number, failedCount: number): never {
  process.stdout.write(`\n${passedCount} passed, ${failedCount} failed\n`)
  process.exit(failedCount === 0 && passedCount > 0 ? 0 : 1)
}

function install(packages: readonly string[]): void {
  const hasApt = spawnSync('sh', ['-c', 'command -v apt-get']).status === 0
  if (process.getuid?.() !== 0 || !hasApt) {
    process.stderr.write(`The tests need: ${packages.join(', ')}. As root: apt-get install ${packages.join(' ')}\n`)
    finish(0, 1)
  }
  step(`installing ${packages.join(', ')}`)
  // `policy-rc.d` semantics without the file: packages must not start services on a developer's machine.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const apt = (...args: string[]): number | null =>
    spawnSync('apt-get', ['-qq', ...args], { env, stdio: 'inherit' }).status
  if (apt('update') !== 0 || apt('install', '-y', '--no-install-recommends', ...packages) !== 0) finish(0, 1)
}
