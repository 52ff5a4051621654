import { readFile } from 'node:fs/promises'
import { forbidCoreDumps, readCoreLimit } from '../lifecycle/core-dumps.ts'
import type { Finding } from './finding.ts'

const pattern = '/proc/sys/kernel/core_pattern'

/** Can a private key end up in a core dump: of the edge that runs, or else of one that is started like this command? */
export async function checkCoreDumps(pidFile: string | undefined): Promise<Finding> {
  const running = await findRunning(pidFile)
  const limit = running?.limit ?? (forbidCoreDumps() ? '0' : readCoreLimit(process.pid))
  const finding = { variable: 'core dumps', value: limit ?? '' }
  if (limit === undefined) return { ...finding, ok: true, message: 'whether they are off, this system does not tell' }
  const whose = running === undefined ? '' : ` in the running edge (pid ${running.pid})`
  if (limit !== '0') {
    const mend = 'start it by bin/blot-edge, which takes them away, or with LimitCORE=0 in its systemd unit'
    return { ...finding, ok: false, message: `are on${whose}, and would hold private keys: ${mend}` }
  }
  const program = /^\|(\S+)/.exec(await readFile(pattern, 'utf8').catch(() => ''))?.[1]
  const handed = program === undefined ? '' : `; ${pattern} hands them to ${program}, which has to heed that limit`
  return { ...finding, ok: true, message: `are off${whose}${handed}` }
}

async function findRunning(pidFile: string | undefined): Promise<{ pid: number; limit: string } | undefined> {
  const text = pidFile === undefined ? '' : await readFile(pidFile, 'utf8').catch(() => '')
  const pid = /^\d+\s*$/.test(text) ? Number(text) : undefined
  const limit = pid === undefined ? undefined : readCoreLimit(pid)
  return pid === undefined || limit === undefined ? undefined : { pid, limit }
}
