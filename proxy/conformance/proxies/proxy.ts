import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type ProxyName = 'edge' | 'nginx' | 'caddy' | 'haproxy'

/** The edge first; the others are who it is seen beside. */
export const PROXIES: readonly ProxyName[] = ['edge', 'nginx', 'caddy', 'haproxy']

/** A running proxy, on loopback. */
export type Proxy = {
  readonly name: ProxyName
  /** Ports: plain HTTP, and HTTPS with HTTP/2, in front of the app. */
  readonly http: number
  readonly https: number
  /** Plain HTTP in front of an app whose certificate nobody vouches for. */
  readonly secure: number
  stop(): Promise<void>
}

/** What every proxy is started with. */
export type ProxyOptions = {
  /** A folder of the proxy's own, which need not be there. */
  readonly directory: string
  /** Port of the app, and of the one behind TLS. */
  readonly app: number
  readonly secureApp: number
  /** PEM file: chain and key. */
  readonly certificate: string
}

const PEERS = join(import.meta.dirname, '../peers')

/** Writes a configuration of `peers/` into a folder, with its `{{names}}` filled in. @throws when it names what is not given. */
export function writeConfiguration(
  file: string,
  directory: string,
  values: Readonly<Record<string, string | number>>,
): string {
  mkdirSync(directory, { recursive: true })
  // Workers that gave root up must get in.
  chmodSync(directory, 0o755)
  const text = readFileSync(join(PEERS, file), 'utf8').replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${file} asks for {{${name}}}`)
    return String(value)
  })
  const path = join(directory, file)
  writeFileSync(path, text)
  return path
}
