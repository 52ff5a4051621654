import type { InferOutput } from 'valibot'
import { certificateVariables } from './certificate-variables.ts'
import * as kinds from './kinds.ts'
import * as locations from './locations.ts'
import { always, hide, variable } from './variable.ts'

export type { Default, Mode, Variable } from './variable.ts'

/** Every variable of the edge. Schema, type, defaults, `check`, the search for the nearest name and the docs follow from it. */
export const variables = {
  BLOT_HOST: variable({
    property: 'host',
    kind: kinds.hostName,
    defaults: { dev: 'blot.localhost' },
    meaning: "The site's own host; `*.$BLOT_HOST` are handles.",
  }),
  BLOT_PORT: variable({
    property: 'appPort',
    kind: kinds.port,
    defaults: always('8080'),
    meaning: 'Port of the app on this machine.',
  }),
  BLOT_CACHE: variable({
    property: 'pageFiles',
    kind: kinds.boolean,
    defaults: always('true'),
    meaning: 'The app writes pages into the cache folder, the edge delivers them. False with `--upstream`.',
  }),
  BLOT_CACHE_DIRECTORY: variable({
    property: 'cacheDirectory',
    kind: kinds.path,
    defaults: { dev: 'data/cache', run: '/cache' },
    meaning: 'The cache folder.',
  }),
  BLOT_DATA_DIRECTORY: variable({
    property: 'appDataDirectory',
    kind: kinds.path,
    defaults: { dev: 'data', run: '/var/www/blot/data' },
    meaning: "The app's data folder; its `static` folder is what `cdn.$BLOT_HOST` delivers.",
  }),
  EDGE_DATA_DIRECTORY: variable({
    property: 'dataDirectory',
    kind: kinds.path,
    defaults: { dev: 'data/edge', run: '/var/lib/blot-edge' },
    meaning: "The edge's own folder: vault, local CA, keys (0700). Refused inside a git work tree in `run`.",
  }),
  EDGE_USER: variable({
    property: 'user',
    kind: kinds.optional(kinds.userName),
    defaults: { run: 'blot-edge' },
    meaning: 'User of the workers and the manager when the edge is started as root.',
  }),
  BLOT_REDIS_HOST: variable({
    property: undefined,
    kind: kinds.optional(locations.redisHost),
    defaults: {},
    meaning: 'Shorthand for `EDGE_STORE=redis://HOST:6379`.',
  }),
  BLOT_MAINTENANCE: variable({
    property: 'maintenance',
    kind: kinds.boolean,
    defaults: always('false'),
    meaning: 'The edge answers 503 with the maintenance page; cached pages are still served.',
  }),
  BLOT_PURGE_TOKEN: variable({
    property: 'purgeToken',
    kind: kinds.optional(kinds.token),
    defaults: {},
    meaning: 'Required in `X-Blot-Purge-Token` when set.',
    mask: hide,
  }),
  EDGE_ADDRESS: variable({
    property: 'address',
    kind: kinds.ipAddress,
    defaults: { dev: '127.0.0.1', run: '::' },
    meaning: 'Where the edge listens; `::` is every address, IPv4 too.',
  }),
  EDGE_HTTP_PORT: variable({
    property: 'httpPort',
    kind: kinds.port,
    defaults: { dev: '8000', run: '80' },
    meaning: 'Plain HTTP; 0 is any free port, printed at start.',
  }),
  EDGE_HTTPS_PORT: variable({
    property: 'httpsPort',
    kind: kinds.port,
    defaults: { dev: '8443', run: '443' },
    meaning: 'HTTPS; 0 is any free port, printed at start.',
  }),
  EDGE_ADMIN: variable({
    property: 'admin',
    kind: locations.adminAddress,
    defaults: always('127.0.0.1:8077'),
    meaning: 'Where the admin API listens.',
  }),
  EDGE_ADMIN_TOKEN: variable({
    property: 'adminToken',
    kind: kinds.optional(kinds.token),
    defaults: {},
    meaning: 'Bearer token for all of the admin API; required when it listens beyond this machine.',
    mask: hide,
  }),
  EDGE_UPSTREAMS: variable({
    property: 'upstreams',
    kind: locations.upstreams,
    defaults: always((text) => `http://127.0.0.1:${text('BLOT_PORT')}`),
    meaning: 'The app, as one origin or several; `;backup` after one marks a backup. `dev` starts the app itself.',
    mask: locations.maskPassword,
  }),
  EDGE_HOLD_MS: variable({
    property: 'holdMs',
    kind: kinds.wholeNumber('milliseconds', 0, 60_000),
    defaults: always('10000'),
    meaning:
      'How long a request waits for an app that is away, before the visitor gets the offline page; 0: not at all.',
  }),
  EDGE_STORE: variable({
    property: 'store',
    kind: locations.storeLocation,
    defaults: {
      dev: (text) => redisOf(text('BLOT_REDIS_HOST')) ?? `file:${text('EDGE_DATA_DIRECTORY')}/store`,
      run: (text) => redisOf(text('BLOT_REDIS_HOST')),
    },
    meaning: 'Where certificates and locks are kept: a folder, or a Redis shared by machines.',
    mask: locations.maskPassword,
  }),
  EDGE_STORE_KEY: variable({
    property: 'storeKey',
    kind: kinds.optional(kinds.secretKey),
    defaults: {},
    meaning: 'Private keys are kept encrypted under this key. lua-resty-auto-ssl cannot read them then.',
    mask: hide,
  }),
  EDGE_STORE_KEY_OLD: variable({
    property: 'storeKeyOld',
    kind: kinds.optional(kinds.secretKey),
    defaults: {},
    meaning:
      'The key of before. What it encrypted is written anew when it is read: under `EDGE_STORE_KEY`, or without that in the clear.',
    mask: hide,
  }),
  EDGE_STORE_PREFIX: variable({
    property: 'storePrefix',
    kind: kinds.keyPrefix,
    defaults: always('ssl'),
    meaning: "Prefix of the certificates' keys in Redis, as lua-resty-auto-ssl has it.",
  }),
  EDGE_PERMISSION: variable({
    property: 'permission',
    kind: locations.permissionSource,
    defaults: {
      dev: (text) => permissionUrl(text('BLOT_PORT')),
      run: (text) => (text('EDGE_STORE')?.startsWith('file:') ? permissionUrl(text('BLOT_PORT')) : 'store'),
    },
    meaning:
      'Who says whether a name may have a certificate: `store` (`domain:…` or `handle:…` is in Redis), a URL, or `all` on loopback. ' +
      "With files as the store, the default is the app's URL in `run` too; with `--upstream` it is exactly the `--host` names and localhost.",
    mask: locations.maskPassword,
  }),
  ...certificateVariables,
  EDGE_WORKERS: variable({
    property: 'workers',
    kind: kinds.workerCount,
    defaults: { dev: '1', run: 'auto' },
    meaning: 'Worker processes; `auto` is one a core.',
  }),
  EDGE_MEMORY_CACHE_BYTES: variable({
    property: 'memoryCacheBytes',
    kind: kinds.byteCount,
    defaults: { dev: '64mb', run: '256mb' },
    meaning: 'Memory for cached pages and files in each worker.',
  }),
  EDGE_DISK_CACHE_BYTES: variable({
    property: 'diskCacheBytes',
    kind: kinds.byteCount,
    defaults: { dev: '1gb', run: '10gb' },
    meaning: "Disk for the app's answers in `.edge` of the cache folder; 0: none.",
  }),
  EDGE_CACHE_UNTIL_PURGED: variable({
    property: 'untilPurged',
    kind: kinds.words(['handles', 'domains']),
    defaults: always(''),
    meaning:
      'Kinds of site whose answers are kept for a year, or until purged, if they say nothing of their freshness.',
  }),
  EDGE_WEBHOOK_PATHS: variable({
    property: 'webhookPaths',
    kind: locations.paths,
    defaults: always('/clients/dropbox/webhook'),
    meaning: 'Paths of `$BLOT_HOST` whose POSTs are kept for the app while it is away.',
  }),
  BLOT_DROPBOX_SECRET: variable({
    property: 'dropboxSecret',
    kind: kinds.optional(kinds.token),
    defaults: {},
    meaning: "The app's own; with it, what is kept for `…/dropbox/…` must be signed.",
    mask: hide,
  }),
  EDGE_TRUSTED_PROXIES: variable({
    property: 'trustedProxies',
    kind: locations.networks,
    defaults: always(''),
    meaning: 'Addresses and networks whose `X-Forwarded-*` and PROXY headers are believed.',
  }),
  EDGE_PROXY_PROTOCOL: variable({
    property: 'proxyProtocol',
    kind: kinds.boolean,
    defaults: always('false'),
    meaning: 'Connections from trusted addresses start with a PROXY header (version 1 or 2).',
  }),
  EDGE_RELOAD_DRAIN_MS: variable({
    property: 'reloadDrainMs',
    kind: kinds.wholeNumber('milliseconds', 0, 86_400_000),
    defaults: always('3600000'),
    meaning: 'How long event streams and WebSockets may outlive a reload.',
  }),
  EDGE_STALL_MS: variable({
    property: 'stallMs',
    kind: kinds.wholeNumber('milliseconds', 0, 3_600_000),
    defaults: { dev: '0', run: '30000' },
    meaning:
      'A worker or manager whose event loop stands still for so long is replaced; 0: never (a debugger may hold it).',
  }),
  EDGE_LOG: variable({
    property: 'log',
    kind: kinds.word(['pretty', 'json']),
    defaults: { dev: 'pretty', run: 'json' },
    meaning: 'Form of the log on standard output. In `dev`, `json` when that is no terminal.',
  }),
  EDGE_PID_FILE: variable({
    property: 'pidFile',
    kind: kinds.optional(kinds.path),
    defaults: { run: '/var/run/blot-edge.pid' },
    meaning: "File that holds the primary's process id.",
  }),
  EDGE_ALT_SVC: variable({
    property: 'altSvc',
    kind: kinds.optional(kinds.fieldValue),
    defaults: { run: 'clear' },
    meaning: 'Value of `Alt-Svc`: `clear` tells visitors to forget the HTTP/3 of an earlier server.',
  }),
}

export type VariableName = keyof typeof variables

/** The value of each variable. */
export type Values = {
  readonly [Name in VariableName]: Frozen<InferOutput<(typeof variables)[Name]['kind']['schema']>>
}

export type Frozen<Value> = Value extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: Frozen<Value[Key]> }
    : Value

export const variableNames = Object.keys(variables) as VariableName[]

function redisOf(host: string | undefined): string | undefined {
  return host === undefined ? undefined : (locations.redisHost.parse(host) ?? host)
}

function permissionUrl(port: string | undefined): string {
  return `http://127.0.0.1:${port}/permission`
}
