import type { Flags } from '../config.ts'
import type { CommandContext } from './command.ts'

/** The options of `dev` that have a say in the configuration. */
export const devOptions = { upstream: { type: 'string' }, host: { type: 'string', multiple: true } } as const

export function flagsOf({ upstream, host }: CommandContext['values']): Flags {
  return {
    ...(typeof upstream === 'string' ? { upstream } : {}),
    ...(Array.isArray(host) ? { hosts: host.map(String) } : {}),
  }
}

/** The same flags for another process. */
export function toArgs({ upstream, hosts = [] }: Flags): string[] {
  return [...(upstream === undefined ? [] : [`--upstream=${upstream}`]), ...hosts.map((host) => `--host=${host}`)]
}
