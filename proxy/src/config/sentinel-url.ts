import { isIP } from 'node:net'
import { normaliseName } from '../site/name.ts'

/** A Redis that Sentinels watch: they are asked which server is the master now. */
export type SentinelAddress = {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[]
  /** The name that the Sentinels know the master by. */
  readonly master: string
  readonly database: number
  /** Of Redis, not of the Sentinels. */
  readonly username: string | undefined
  readonly password: string | undefined
}

export const sentinelForm = 'redis+sentinel://[USER:PASSWORD@]HOST:PORT[,HOST:PORT…]/MASTER[/DATABASE]'
const FORM =
  /^redis\+sentinel:\/\/(?:(?<username>[^:@/]*):(?<password>[^@/]*)@)?(?<hosts>[^@/?#]+)\/(?<master>[\w.-]+)(?:\/(?<database>\d{1,5}))?$/
const STANDARD_PORT = 26_379

/** @returns undefined for what has not the form of `sentinelForm`. No parser of URLs takes a list of hosts. */
export function parseSentinelUrl(text: string): SentinelAddress | undefined {
  const { username, password, hosts = '', master, database = '0' } = FORM.exec(text)?.groups ?? {}
  const sentinels = hosts.split(',').map(parseHost)
  if (master === undefined || !sentinels.every((sentinel) => sentinel !== undefined)) return undefined
  try {
    return {
      sentinels,
      master,
      database: Number(database),
      username: username && decodeURIComponent(username),
      password: password && decodeURIComponent(password),
    }
  } catch {
    // A lone `%`.
    return undefined
  }
}

function parseHost(text: string): { host: string; port: number } | undefined {
  const [, bracketed, name, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? name ?? ''
  const port = Number(digits ?? STANDARD_PORT)
  const isValid = bracketed === undefined ? isIP(host) === 4 || normaliseName(host) !== undefined : isIP(host) === 6
  return isValid && port > 0 && port < 65_536 ? { host, port } : undefined
}
