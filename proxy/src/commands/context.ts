import { join } from 'node:path'
import type { ConfigInput, Flags, Mode } from '../config.ts'
import { readEnvironmentFile } from '../environment-file.ts'
import type { CommandContext } from './command.ts'

/** What a command is given from outside. Relative paths start at `directory`. */
export type Surroundings = Omit<CommandContext, 'resolve' | 'inspect'>

/** Adds to the surroundings of a command the way to its configuration. */
export function createContext(surroundings: Surroundings): CommandContext {
  // The modules are loaded when a command asks: a worker is handed its configuration, and starts sooner without them.
  return {
    ...surroundings,
    async resolve(mode, flags) {
      const { resolveConfig } = await import('../config.ts')
      const { verifyConfig } = await import('../config/verify.ts')
      const resolved = resolveConfig(await gatherInput(surroundings, { mode, flags }))
      await verifyConfig(resolved.config, mode)
      return resolved
    },
    async inspect(mode) {
      const { inspectConfig } = await import('../config.ts')
      return inspectConfig(await gatherInput(surroundings, { mode }))
    },
  }
}

/** `dev` runs on embedded defaults: what the machine's services are given is not for it, unless it is named. */
async function gatherInput(
  { environment, values, root, stdout, directory }: Surroundings,
  asked: { mode: Mode; flags?: Flags | undefined },
): Promise<ConfigInput> {
  const path = values['environment']?.toString()
  const file = asked.mode === 'run' || path !== undefined ? await readEnvironmentFile(path) : undefined
  return {
    ...asked,
    directory,
    environment,
    file,
    defaults: asked.mode === 'dev' ? embeddedDefaults(root, stdout) : {},
  }
}

function embeddedDefaults(root: string, stdout: NodeJS.WriteStream): ConfigInput['defaults'] {
  const data = join(root, 'data')
  return {
    // One CA a machine, wherever `dev` is started: it is trusted once.
    BLOT_CACHE_DIRECTORY: join(data, 'cache'),
    BLOT_DATA_DIRECTORY: data,
    EDGE_DATA_DIRECTORY: join(data, 'edge'),
    EDGE_LOG: stdout.isTTY ? 'pretty' : 'json',
  }
}
