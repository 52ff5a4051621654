import type { Config } from '../config.ts'
import { environmentOption, type Command } from './command.ts'
import { isSuccessor } from '../lifecycle/predecessor.ts'
import { commandOfSuccessor } from './succession.ts'
import { serve } from './serve.ts'
import { checkPidFile, writePidFile } from './pid-file.ts'

export const run: Command = {
  name: 'run',
  summary: 'the production edge, from the environment',
  usage: '[--environment FILE]',
  help: `Serves on EDGE_HTTP_PORT and EDGE_HTTPS_PORT until SIGTERM or SIGINT, then finishes what is under way
(30 s at most). A second SIGTERM ends it at once. SIGHUP has it reload, as "blot-edge reload" does. Started as root
it binds, and its workers run as EDGE_USER. "blot-edge check" shows the configuration and what is wrong with it,
without serving.`,
  options: environmentOption,
  async run(context) {
    const { config } = await context.resolve('run')
    const pidFile = createPidFile()
    const takesOver = isSuccessor(context.environment)
    return serve(context, {
      config,
      args: ['--mode=run'],
      reloadsOnHangup: true,
      succeedBy: (release) => commandOfSuccessor(context, release),
      prepare: (read) => pidFile.check(read),
      // Not before the ports are ours: an edge that is running already keeps its own. One that takes over writes when it serves.
      async beforeChildren() {
        if (takesOver) pidFile.check(config)
        else pidFile.write(config)
        return config
      },
      onRunning: () => pidFile.write(config),
      onReloaded: (reloaded) => pidFile.write(reloaded),
      async onStopped() {
        pidFile.remove()
      },
    })
  },
}

/** The file where the configuration has it; one of an earlier configuration goes. */
function createPidFile(): { check(config: Config): void; write(config: Config): void; remove(): void } {
  let path: string | undefined
  let remove: (() => void) | undefined
  return {
    /** Throws what `write` would. */
    check({ pidFile }) {
      if (pidFile !== undefined && pidFile !== path) checkPidFile(pidFile)
    },
    write({ pidFile }) {
      if (pidFile === path) return
      const written = pidFile === undefined ? undefined : writePidFile(pidFile)
      remove?.()
      path = pidFile
      remove = written
    },
    remove: () => remove?.(),
  }
}
