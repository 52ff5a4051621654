import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Who runs where, as lists for `taskset -c`. */
export type Cores = {
  /** One core for the server under test, all of its processes. */
  readonly server: string
  /** The benchmark itself and its load tools. */
  readonly load: string
  /** The upstream: a core of its own where there are three, else that of the load. */
  readonly upstream: string
}

/** @param allowed what this process may use, as in `Cpus_allowed_list`: `0-3,6`. */
export function chooseCores(allowed: string): Cores {
  const [server = 0, ...others] = parseCores(allowed)
  if (others.length === 0) throw new Error('the benchmarks need two cores: one for the server, one for the load')
  const upstream = others.length > 1 ? others.pop() : others[0]
  return { server: String(server), load: others.join(','), upstream: String(upstream) }
}

export function parseCores(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [first = NaN, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** The cores that this process may use. Linux only: so are `/proc` and `taskset`, on which every figure rests. */
export function readAllowedCores(): string {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  if (allowed === undefined) throw new Error('/proc/self/status names no cores')
  return allowed
}

/** Moves this process, and so all that it starts without a word of its own, to the load's cores. */
export function moveTo(cores: string): void {
  execFileSync('taskset', ['-a', '-c', '-p', cores, String(process.pid)], { stdio: 'ignore' })
}
