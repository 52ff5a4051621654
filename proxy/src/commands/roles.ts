import { playRole, type RoleBody } from '../lifecycle/role.ts'
import { createLog, logEvents } from '../log.ts'
import { batchLines } from '../log/batch.ts'
import type { Command } from './command.ts'

/** The roles of a child process: started by a primary, never by a person. */
export const worker = role('worker', async () => (await import('../lifecycle/worker.ts')).worker)
export const manager = role('manager', async () => (await import('../lifecycle/manager.ts')).manager)

function role(name: string, load: () => Promise<RoleBody>): Command {
  return {
    name,
    summary: undefined,
    usage: '',
    help: 'Started by "blot-edge run", which tells it what to do.',
    options: {},
    async run(context) {
      if (process.send === undefined) {
        context.stderr.write(`blot-edge: ${name} is started by "blot-edge run"\n`)
        return 2
      }
      // Ctrl-C reaches every process of the terminal; what it means is decided by the primary.
      context.onSignal(() => undefined)
      return playRole(async (settings, channel, handlers) => {
        const format = settings.config.log
        // People watch: their lines come one by one.
        const destination = format === 'json' ? batchLines(context.stdout) : context.stdout
        logEvents(createLog({ format, destination }))
        const body = await load()
        return body(settings, channel, handlers)
      })
    },
  }
}
