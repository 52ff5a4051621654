/** Where the admin API listens: an address and a port, or a Unix socket. */
export type AdminAddress = { kind: 'tcp'; address: string; port: number } | { kind: 'unix'; path: string }

/** An origin server behind the edge. A backup is asked only while every other one is away. */
export type Upstream = { url: string; backup: boolean }

export type StoreLocation = { kind: 'file'; directory: string } | { kind: 'redis'; url: string }

/** Who says whether a name may have a certificate. */
export type PermissionSource =
  { kind: 'store' } | { kind: 'http'; url: string } | { kind: 'names'; names: readonly string[] } | { kind: 'all' }

/** The configuration: made once from the environment, frozen, handed down by the composition root. */
export type Config = {
  readonly host: string
  readonly appPort: number
  readonly pageFiles: boolean
  readonly cacheDirectory: string
  readonly appDataDirectory: string
  readonly dataDirectory: string
  readonly user: string | undefined
  readonly maintenance: boolean
  readonly purgeToken: string | undefined
  readonly address: string
  readonly httpPort: number
  readonly httpsPort: number
  readonly admin: AdminAddress
  readonly adminToken: string | undefined
  readonly upstreams: readonly Upstream[]
  readonly store: StoreLocation
  readonly storePrefix: string
  readonly issuer: 'local' | 'none'
  readonly permission: PermissionSource
  readonly issueWaitMs: number
  readonly wildcard: { certificateFile: string; keyFile: string } | undefined
  readonly dhparamsFile: string | undefined
  readonly workers: number
  readonly memoryCacheBytes: number
  readonly trustedProxies: readonly string[]
  readonly proxyProtocol: boolean
  readonly log: 'pretty' | 'json'
  readonly pidFile: string | undefined
  readonly altSvc: string | undefined
}
