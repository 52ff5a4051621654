import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { root, type Ran } from '../../commands/run-edge.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { fullPath } from '../scripts.ts'

/** A throw-away Debian: this machine's files beneath a layer in memory, its own systemd, network and processes. */
export type Machine = {
  /** Runs a line of bash as root in it. */
  run(script: string): Promise<Ran>
  /** The same, which has to end with 0. @returns its standard output. */
  do(script: string): Promise<string>
  /** Waits until the line of bash ends with 0. */
  until(script: string): Promise<void>
}

/** The folder of the release in it. */
export const release = '/opt/blot-edge/releases/test'

/** What npm has installed. A release has links to it, which ops/deploy/release gives to the next one. */
export const modules = '/opt/npm/node_modules'

const compiled = '/var/cache/compiled'

/** Of the whole run of the tests, where it has one. */
const keptCode = process.env['NODE_COMPILE_CACHE']

/** How long anything may take before the machine is given up, ms. */
const patienceMs = 180_000

/**
 * Everything is mounted in a mount namespace, and gone with it. The release is copied, since root has to own it; what it
 * needs of npm is mounted. systemd-nspawn asks for a /run without leftovers, and one kind of cgroups. Its machine would
 * outlive it: process 1 is ended when standard input is, which the test holds, however that ends.
 */
const bootScript = `
set -eu
exec 3<&0 </dev/null
cd "$1"
mount --make-rprivate /
mkdir layer cgroup machine
mount -t cgroup2 cgroup2 cgroup
group=cgroup/blot-test-$$
mkdir "$group"
clean() {
  echo 0 >cgroup/cgroup.procs
  # The last processes of the machine may still be on their way out.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.2
  done
}
trap clean EXIT
echo 0 >"$group/cgroup.procs"
mount -t tmpfs tmpfs layer
mkdir layer/upper layer/work
mount -t overlay -o lowerdir=/,upperdir=layer/upper,workdir=layer/work overlay machine
release=machine${release}
mkdir -p "$release/proxy" "$release/node_modules" machine${modules}
(cd "$2" && tar -cf - bin blot-app ops package.json package-lock.json docs proxy/src) | tar -xf - -C "$release" --no-same-owner
(cd "$2/node_modules" && printf '${modules}/%s\\n' .bin *) | xargs ln -s -t "$release/node_modules"
tr -d - </proc/sys/kernel/random/uuid >machine/etc/machine-id
# Edge, app and commands are started dozens of times: what V8 compiled for one is there for the next.
install -d -m 1777 "machine${compiled}"
for unit in blot-edge.service blot-app@.service; do
  mkdir -p "machine/etc/systemd/system/$unit.d"
  printf '[Service]\\nEnvironment=NODE_COMPILE_CACHE=${compiled}\\nReadWritePaths=${compiled}\\n' >"machine/etc/systemd/system/$unit.d/80-test.conf"
done
echo '127.0.0.1 blot.example' >>machine/etc/hosts
unshare --mount sh -euc '
  mount -t tmpfs tmpfs /run
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
  exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --resolv-conf=off --private-network \\
    --directory="$1/machine" --bind-ro="$2/node_modules:${modules}" \\
    \${NODE_COMPILE_CACHE:+--bind="$NODE_COMPILE_CACHE:${compiled}"} \\
    --boot systemd.unit=basic.target systemd.log_target=console systemd.show_status=0' sh "$@" 3<&- &
nspawn=$!
{
  cat >/dev/null
  kill -KILL $(cat "/proc/$nspawn/task/$nspawn/children") || kill -KILL "$nspawn"
} <&3 >/dev/null 2>&1 &
exec 3<&-
echo "pid $nspawn"
wait "$nspawn"
`

/** @returns why no machine can be started here, or false. */
export function whyNoMachine(): string | false {
  if (process.platform !== 'linux') return 'not on Linux'
  if (process.getuid?.() !== 0) return 'not as root'
  const probe =
    'mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m && mount -t overlay -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w overlay /mnt/m'
  const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', probe], { encoding: 'utf8' })
  return status === 0 ? false : `no namespace with an overlay may be made here: ${stderr.trim()}`
}

/** Boots it, and ends it with the test. */
export async function bootMachine(t: Test): Promise<Machine> {
  const directory = temporaryDirectory(t)
  const wrapper = spawn('unshare', ['--mount', 'sh', '-c', bootScript, 'sh', directory, root], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: fullPath, ...(keptCode !== undefined && { NODE_COMPILE_CACHE: keptCode }) },
  })
  let said = ''
  let init: number | undefined
  const ended = once(wrapper, 'exit').then(() => Promise.reject(new Error(`the machine ended: ${said}`)))
  ended.catch(() => undefined)
  t.teardown(async () => {
    wrapper.stdin.end()
    await ended.catch(() => undefined)
  })
  wrapper.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const pid = Promise.withResolvers<string>()
  createInterface({ input: wrapper.stdout }).on('line', (line) => {
    said += `${line}\n`
    if (line.startsWith('pid ')) pid.resolve(line.slice(4))
  })
  const nspawn = await Promise.race([pid.promise, ended])
  init = await Promise.race([findInit(nspawn), ended])

  async function run(script: string): Promise<Ran> {
    const command = ['--target', String(init), '--all', 'timeout', String(patienceMs / 1000), 'bash', '-c', script]
    const child = spawn('nsenter', command, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
        SYSTEMD_PAGER: '',
        NODE_COMPILE_CACHE: compiled,
      },
    })
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    return { stdout, stderr, code: code as number | null }
  }

  const machine: Machine = {
    run,
    async do(script) {
      const ran = await run(script)
      if (ran.code !== 0) throw new Error(`${script}: ended with ${ran.code}\n${ran.stdout}${ran.stderr}`)
      return ran.stdout
    },
    async until(script) {
      await machine.do(`until ${script}; do sleep 0.1; done`)
    },
  }
  while (
    !/^(running|degraded)$/m.test((await Promise.race([run('systemctl is-system-running --wait'), ended])).stdout)
  ) {
    await sleep(20)
  }
  return machine
}

/** systemd-nspawn is the parent of process 1 of the machine (NSpid: its number here, and there). */
async function findInit(nspawn: string): Promise<number> {
  for (;;) {
    const children = readFileSync(`/proc/${nspawn}/task/${nspawn}/children`, 'utf8').trim().split(' ')
    const init = children.find((pid) => {
      try {
        return /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      } catch {
        return false
      }
    })
    if (init !== undefined) return Number(init)
    await sleep(20)
  }
}
