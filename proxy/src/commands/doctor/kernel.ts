import { join } from 'node:path'
import { isLoopback } from '../../config/loopback.ts'
import { fail, ok, warn, type Diagnosis } from './diagnosis.ts'
import { readSystem, type Machine } from './machine.ts'

/** Connections of a worker (20,000), as many upstream, and files. */
const ENOUGH_FILES = 65_536

const SETUP = '/opt/blot-edge/current/ops/setup/debian.sh'

/** Settings of the machine that Redis, or a busy edge, misses once it is too late. */
export async function examineKernel(machine: Machine): Promise<Diagnosis[]> {
  const found = [await openFiles(machine), await swap(machine)]
  if (hasRedis(machine)) found.push(await overcommit(machine), await hugePages(machine))
  return found.filter((diagnosis) => diagnosis !== undefined)
}

/** Is there a Redis on this machine? */
function hasRedis({ config: { store } }: Machine): boolean {
  if (store?.kind !== 'redis' || store.url.startsWith('redis+sentinel:')) return false
  const { hostname } = new URL(store.url)
  return hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))
}

async function overcommit(machine: Machine): Promise<Diagnosis | undefined> {
  const value = (await readSystem(machine, '/proc/sys/vm/overcommit_memory'))?.trim()
  if (value === undefined) return undefined
  if (value === '1') return ok('vm.overcommit_memory', 'is 1')
  return warn('vm.overcommit_memory', `is ${value}: 1 is right beside Redis`, {
    why: 'Redis forks to save; where the kernel does not lend it memory, it stops saving, and then writing',
    mend: `sysctl vm.overcommit_memory=1; ${SETUP} keeps it so after a boot`,
  })
}

async function hugePages(machine: Machine): Promise<Diagnosis | undefined> {
  const text = await readSystem(machine, '/sys/kernel/mm/transparent_hugepage/enabled')
  const value = /\[(\w+)\]/.exec(text ?? '')?.[1]
  if (value === undefined) return undefined
  if (value !== 'always') return ok('transparent huge pages', `are ${value}`)
  return warn('transparent huge pages', 'are always on: never is right beside Redis', {
    why: 'each save of Redis copies far more memory than changed, and answers stall',
    mend: `echo never > /sys/kernel/mm/transparent_hugepage/enabled; ${SETUP} keeps it so after a boot`,
  })
}

async function swap(machine: Machine): Promise<Diagnosis | undefined> {
  const lines = (await readSystem(machine, '/proc/swaps'))?.trim().split('\n')
  if (lines === undefined) return undefined
  if (lines.length > 1) return ok('swap', 'is there')
  return warn('swap', 'is not there', {
    why: 'without it, the first moment of too little memory ends Redis, the app or the edge',
    mend: '/opt/blot-edge/current/ops/environment/swap (ops/setup/debian.sh calls it)',
  })
}

/** Of the edge that runs, else of whoever starts one like this command. */
async function openFiles(machine: Machine): Promise<Diagnosis | undefined> {
  const pidFile = machine.config.pidFile
  const pid =
    pidFile === undefined ? undefined : /^\d+/.exec((await readSystem({ ...machine, system: '/' }, pidFile)) ?? '')?.[0]
  const running = pid === undefined ? undefined : await readSystem(machine, join('/proc', pid, 'limits'))
  const text = running ?? (await readSystem(machine, '/proc/self/limits'))
  const limit = /^Max open files\s+\S+\s+(\S+)/m.exec(text ?? '')?.[1]
  if (limit === undefined) return undefined
  const whose = running === undefined ? 'here' : `for the running edge (pid ${pid})`
  if (limit === 'unlimited' || Number(limit) >= ENOUGH_FILES) return ok('open files', `${limit} ${whose}`)
  const judge = Number(limit) < 4096 ? fail : warn
  return judge('open files', `at most ${limit} ${whose}: ${ENOUGH_FILES} is enough for 20,000 visitors a worker`, {
    why: 'a visitor takes one or two; those who come when they are used up wait or are refused',
    mend: `${SETUP} writes units and jobs that allow more; then restart the edge`,
  })
}
