import { styleText } from 'node:util'
import type { AdminEvent, ReloadOutcome } from '../admin/contracts.ts'
import { AdminRefused, ConfigInvalid } from '../errors.ts'
import { followAdmin, locateAdmin } from './ask-admin.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'

/** A process of a release that was never read before, on a loaded machine, is given a minute. */
const SILENCE_MS = 120_000
const UNCHANGED = 'nothing has changed, the processes of before serve on:'

export const reload: Command = {
  name: 'reload',
  summary: 'new configuration and new release, without losing a request',
  usage: '[--environment FILE] [--json]',
  help: `Has the running edge read its environment file again and start new processes from the release that the link it was
started by names now (/opt/blot-edge/current, say). They take over once each has answered a request; the old ones finish
what is under way. When anything is wrong, the old ones serve on, the reason is printed, and the exit code is 1.

The primary itself stays: for another Node.js there too, see "blot-edge upgrade --help".

  --json           the outcome as JSON`,
  options: { json: { type: 'boolean' }, ...environmentOption },
  run: (context) => follow(context, '/reload'),
}

type Step = Extract<AdminEvent, { type: 'reload' }>
/** One that is neither only says that the edge is still at it. */
type Line = { readonly step?: Step['step']; readonly outcome?: ReloadOutcome }

/** Asks for a reload or an upgrade and prints its steps as they are done. @returns the exit code. */
export async function follow(context: CommandContext, path: '/reload' | '/upgrade'): Promise<number> {
  const { stdout, stderr, values } = context
  const place = await locateAdmin(context)
  try {
    for await (const value of followAdmin(place, { method: 'POST', path, silenceMs: SILENCE_MS })) {
      const { step, outcome } = value as Line
      if (step !== undefined && values['json'] !== true)
        stdout.write(`${styleText('dim', path.slice(1), { stream: stdout })}  ${step}\n`)
      if (outcome === undefined) continue
      if (values['json'] === true) stdout.write(`${JSON.stringify(outcome)}\n`)
      return 0
    }
  } catch (error) {
    if (error instanceof AdminRefused || error instanceof ConfigInvalid) stderr.write(`blot-edge: ${UNCHANGED}\n`)
    throw error
  }
  throw new AdminRefused('the edge ended before it was done: see its log')
}
