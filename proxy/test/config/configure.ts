import { inspectConfig, resolveConfig, type Config, type ConfigInput, type Flags, type Mode } from '../../src/config.ts'
import { ConfigInvalid, type ConfigFault } from '../../src/errors.ts'

type Environment = ConfigInput['environment']

/** The least that `run` takes. */
export const leastForRun: Environment = { BLOT_HOST: 'blot.im', EDGE_STORE: 'redis://db', EDGE_ISSUER: 'local' }

export function configure(environment: Environment, mode: Mode = 'dev', flags: Flags = {}): Config {
  return resolveConfig({ environment, mode, flags, directory: '/srv' }).config
}

/** The faults by variable; none for an environment that is right. */
export function faultsOf(environment: Environment, mode: Mode = 'dev', flags: Flags = {}): Record<string, ConfigFault> {
  try {
    configure(environment, mode, flags)
    return {}
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return Object.fromEntries(error.faults.map((fault) => [fault.variable, fault]))
  }
}

/** The origin of each variable that is set. */
export function originsOf(input: Partial<ConfigInput>): Record<string, string> {
  const { origins } = inspectConfig({ environment: {}, mode: 'dev', directory: '/srv', ...input })
  return Object.fromEntries(origins.map(({ variable, value, origin }) => [variable, `${value} (${origin})`]))
}
