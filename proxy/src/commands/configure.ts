import { codeOf, ConfigInvalid } from '../errors.ts'
import type { Message } from '../lifecycle/messages.ts'
import { environmentOption, type Command } from './command.ts'
import { devOptions, flagsOf } from './dev-flags.ts'

/**
 * Resolves the configuration for a running edge that is about to reload. It stays as it is for as long as there may be
 * primaries of other releases: they call it with the options that they were started with.
 */
export const configure: Command = {
  name: 'configure',
  summary: undefined,
  usage: '',
  help: 'Started by a running edge, which is told the configuration.',
  options: { ...environmentOption, ...devOptions, mode: { type: 'string' } },
  async run(context) {
    if (process.send === undefined) {
      context.stderr.write('blot-edge: configure is started by a running edge; see "blot-edge check"\n')
      return 2
    }
    context.onSignal(() => undefined)
    await send(await answer(context.resolve(context.values['mode'] === 'dev' ? 'dev' : 'run', flagsOf(context.values))))
    return 0
  },
}

async function answer(resolving: ReturnType<Parameters<Command['run']>[0]['resolve']>): Promise<Message> {
  try {
    return { v: 1, type: 'configured', config: (await resolving).config }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const faults = error instanceof ConfigInvalid ? { faults: error.faults } : {}
    return { v: 1, type: 'failed', code: codeOf(error), message, ...faults }
  }
}

function send(message: Message): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, undefined, undefined, () => resolve())
  })
}
