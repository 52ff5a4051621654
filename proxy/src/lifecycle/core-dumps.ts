import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A core dump of the edge would hold every private key in its memory. */

/** @returns the limit of a process in bytes, or `unlimited`; undefined where the system does not say (no Linux, no such process). */
export function readCoreLimit(pid: number): string | undefined {
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
    return /^Max core file size +(\S+)/m.exec(limits)?.[1]
  } catch {
    return undefined
  }
}

/**
 * Takes core dumps from this process and from all that it starts. The launcher has done so by `ulimit`; Node itself cannot,
 * so whoever went around the launcher needs the program `prlimit` (util-linux).
 * @returns whether none can be written now.
 */
export function forbidCoreDumps(): boolean {
  if (readCoreLimit(process.pid) === '0') return true
  try {
    execFileSync('prlimit', ['--pid', String(process.pid), '--core=0:0'], { stdio: 'ignore' })
  } catch {
    return false
  }
  return readCoreLimit(process.pid) === '0'
}
