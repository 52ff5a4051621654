import { readdirSync, readFileSync } from 'node:fs'

/** What `/proc/<pid>/stat` says of one process (proc(5)). */
export type ProcessTimes = {
  readonly pid: number
  readonly parent: number
  /** User and system time, of itself and of the children that it has waited for, in ticks. */
  readonly ticks: number
}

/** USER_HZ: 100 on every architecture that Node runs on. */
const TICK_MS = 10

/** CPU time that a process and its descendants have used since they began, those that have ended included; ms. */
export function cpuMsOf(root: number): number {
  return sumTicks(readProcesses(), root) * TICK_MS
}

/** How long one core has been busy since the machine started, with whatever it was; ms. */
export function coreBusyMs(core: number): number {
  return parseCoreTicks(readFileSync('/proc/stat', 'utf8'), core) * TICK_MS
}

/** Of `user nice system idle iowait irq softirq steal…` all but the third and fourth (proc(5)). */
export function parseCoreTicks(stat: string, core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(stat)?.[1]
  if (line === undefined) throw new Error(`/proc/stat has no core ${core}`)
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number)
  return user + nice + system + irq + softirq + steal
}

/** Resident memory of a process and its descendants now, and the sum of their peaks; bytes. Shared pages count for each. */
export function memoryOf(root: number): { residentBytes: number; peakBytes: number } {
  const sum = { residentBytes: 0, peakBytes: 0 }
  for (const { pid } of treeOf(readProcesses(), root)) {
    const status = readIfThere(`/proc/${pid}/status`) ?? ''
    sum.residentBytes += kilobytesOf('VmRSS', status) * 1024
    sum.peakBytes += kilobytesOf('VmHWM', status) * 1024
  }
  return sum
}

/** The processes that this one has started and that have not ended. */
export function childrenOf(pid: number): number[] {
  return readProcesses().flatMap((process) => (process.parent === pid ? [process.pid] : []))
}

/** Resident memory and open descriptors. */
export type Size = { readonly bytes: number; readonly descriptors: number }

/** Of one process; nothing of one that has ended. */
export function sizeOf(pid: number): Size {
  const status = readIfThere(`/proc/${pid}/status`) ?? ''
  return { bytes: kilobytesOf('VmRSS', status) * 1024, descriptors: countIfThere(`/proc/${pid}/fd`) }
}

/** Of a process and its descendants, on average, and how many they are. */
export function averageSizeOf(root: number): Size & { readonly processes: number } {
  const sizes = treeOf(readProcesses(), root).map(({ pid }) => sizeOf(pid))
  const average = (of: keyof Size): number => sizes.reduce((total, size) => total + size[of], 0) / sizes.length
  return { bytes: average('bytes'), descriptors: average('descriptors'), processes: sizes.length }
}

export function sumTicks(processes: readonly ProcessTimes[], root: number): number {
  return treeOf(processes, root).reduce((sum, { ticks }) => sum + ticks, 0)
}

/** @throws when the root is gone: its time would count as none. */
function treeOf(processes: readonly ProcessTimes[], root: number): ProcessTimes[] {
  const tree = processes.filter(({ pid }) => pid === root)
  if (tree.length === 0) throw new Error(`process ${root} has ended`)
  // The list grows while it is walked: a parent stands before its children.
  for (const { pid } of tree) tree.push(...processes.filter(({ parent }) => parent === pid))
  return tree
}

/** The name of the program stands in parentheses and may itself hold spaces and parentheses. */
export function parseStat(text: string): ProcessTimes {
  const name = text.lastIndexOf(')')
  const fields = text.slice(name + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  return { pid: Number.parseInt(text, 10), parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) }
}

function readProcesses(): ProcessTimes[] {
  return readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? readIfThere(`/proc/${name}/stat`) : undefined
    return stat === undefined ? [] : [parseStat(stat)]
  })
}

/** Processes end between the look at the folder and the look at their files. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function countIfThere(folder: string): number {
  try {
    return readdirSync(folder).length
  } catch {
    return 0
  }
}

function kilobytesOf(field: string, status: string): number {
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
}
