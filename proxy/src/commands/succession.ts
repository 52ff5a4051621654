import { basename } from 'node:path'
import { ReloadRefused } from '../errors.ts'
import type { Release } from '../lifecycle/release.ts'
import type { SuccessorCommand } from '../lifecycle/upgrade.ts'
import type { CommandContext } from './command.ts'

/**
 * How another primary is started that takes over from this one.
 * @throws EDGE_ERR_RELOAD_REFUSED where whoever watches this process would take its end for that of the edge.
 */
export function commandOfSuccessor(
  {
    launchedAs,
    environment,
    directory,
    values,
  }: Pick<CommandContext, 'launchedAs' | 'environment' | 'directory' | 'values'>,
  { node }: Release,
): SuccessorCommand {
  if (environment['UPSTART_JOB'] !== undefined)
    throw new ReloadRefused('Upstart follows this very process: restart the job')
  if (process.pid === 1) throw new ReloadRefused('the container ends with this very process: replace the container')
  const program = basename(launchedAs) === 'main.ts' ? [node, launchedAs] : [launchedAs]
  return { command: [...program, 'run', ...environmentArguments(values)], environment, directory }
}

/** The option of `--environment` for another process. */
export function environmentArguments({ environment }: CommandContext['values']): string[] {
  return typeof environment === 'string' ? [`--environment=${environment}`] : []
}
