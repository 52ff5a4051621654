import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { runProgram, type Ran } from '../commands/run-edge.ts'

/** Why a test in a copy of the machine cannot run here; false where it can. */
export const cannotThrowAway =
  process.getuid?.() === 0 ? false : 'root alone can make a copy of the machine: run the tests as root'

/**
 * Runs a command as root in a copy of this machine that is gone afterwards: it may install, listen on port 80 and kill what it
 * likes. The network is a loopback of its own, and what it leaves running ends with it.
 */
export async function runThrowAway(
  t: Pick<Test, 'teardown'>,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'throw-away-'))
  t.teardown(() => rmdirSync(folder))
  const flags = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--propagation', 'private']
  const enter = join(import.meta.dirname, 'throw-away.sh')
  return runProgram('unshare', [...flags, enter, folder, ...command], { environment, directory: '/' })
}
