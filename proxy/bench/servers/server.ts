import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Who is compared. NGINX is the one that the ratios refer to. */
export type Contestant = 'edge' | 'nginx' | 'caddy'

/** In the order of their turns. NGINX needs the strongest load: a tool that is too weak shows at once. */
export const CONTESTANTS: readonly Contestant[] = ['nginx', 'edge', 'caddy']

/** A running server, on loopback. */
export type Server = {
  readonly name: Contestant
  /** Its first process: all others descend from it. */
  readonly pid: number
  readonly http: number
  readonly https: number
  /** Its access log; anybody may empty it. */
  readonly logFile: string
  stop(): Promise<void>
}

/** What every contestant is started with. */
export type ServerOptions = {
  /** A folder of the server's own. */
  readonly directory: string
  /** `{cache}/{host}/static` and `{cache}/{host}/{scheme}/permanent`, the layout of Blot. */
  readonly cache: string
  /** PEM, chain and key in one file: for `bench.test` and all names beneath it. */
  readonly certificate: string
  /** A folder with such a file for each name that has a certificate of its own. */
  readonly certificates: string
  readonly upstreamPort: number
  readonly core: string
  /** For the edge alone. */
  readonly environment: Readonly<Record<string, string>>
}

const PEERS = join(import.meta.dirname, '../peers')

/** A configuration of `peers/` with its `{{names}}` filled in. @throws when it names what is not given. */
export function renderPeer(file: string, values: Readonly<Record<string, string | number>>): string {
  return readFileSync(join(PEERS, file), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${file} asks for {{${name}}}`)
    return String(value)
  })
}
