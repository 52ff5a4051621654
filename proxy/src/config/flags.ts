import { normaliseName } from '../site/name.ts'
import type { ConfigFault } from '../errors.ts'
import { hostName } from './kinds.ts'
import { maskPassword, parseOrigin } from './locations.ts'
import type { Values } from './variables.ts'

/** What the command line of `dev` says: the edge stands in front of any local app, for these names. */
export type Flags = { readonly upstream?: string; readonly hosts?: readonly string[] }

export type FlagValues = {
  readonly values: Partial<Values>
  /** Which flag a value came from. */
  readonly origins: ReadonlyMap<string, string>
  readonly faults: readonly ConfigFault[]
}

/** The values that flags set; they win over every variable. */
export function readFlags({ upstream, hosts = [] }: Flags): FlagValues {
  const faults: ConfigFault[] = []
  const names = hosts.map((host) => {
    const name = normaliseName(host)
    if (name === undefined) faults.push({ variable: '--host', value: host, message: `must be ${hostName.right}` })
    return name ?? host
  })
  if (upstream === undefined) {
    const lone = { variable: '--host', value: hosts.join(', '), message: 'goes with --upstream URL only' }
    return { values: {}, origins: new Map(), faults: hosts.length === 0 ? [] : [...faults, lone] }
  }
  const url = parseOrigin(upstream)
  if (url === undefined || url.endsWith(':0')) {
    const message = 'must be an origin such as http://localhost:3000, without path, query and credentials'
    faults.push({ variable: '--upstream', value: maskPassword(upstream), message })
  }
  return {
    values: {
      EDGE_UPSTREAMS: [{ url: url ?? upstream, backup: false }],
      EDGE_PERMISSION: { kind: 'names', names: [...new Set([...names, 'localhost'])] },
      // Page files are Blot's: an app of another kind does not write them.
      BLOT_CACHE: false,
    },
    origins: new Map([
      ['EDGE_UPSTREAMS', '--upstream'],
      ['EDGE_PERMISSION', hosts.length === 0 ? '--upstream' : '--host'],
      ['BLOT_CACHE', '--upstream'],
    ]),
    faults,
  }
}
