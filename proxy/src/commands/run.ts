import { environmentOption, type Command } from './command.ts'
import { serve } from './serve.ts'
import { writePidFile } from './pid-file.ts'

export const run: Command = {
  name: 'run',
  summary: 'the production edge, from the environment',
  usage: '[--environment FILE]',
  help: `Serves on EDGE_HTTP_PORT and EDGE_HTTPS_PORT until SIGTERM or SIGINT, then finishes what is under way
(30 s at most). A second SIGTERM ends it at once. Started as root it binds, and its workers run as EDGE_USER.
"blot-edge check" shows the configuration and what is wrong with it, without serving.`,
  options: environmentOption,
  async run(context) {
    const { config } = await context.resolve('run')
    let removePidFile: (() => void) | undefined
    return serve(context, {
      config,
      // Not before the ports are ours: an edge that is running already keeps its own.
      async beforeChildren() {
        if (config.pidFile !== undefined) removePidFile = writePidFile(config.pidFile)
        return config
      },
      async onStopped() {
        removePidFile?.()
      },
    })
  },
}
