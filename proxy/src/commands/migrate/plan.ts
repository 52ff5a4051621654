import { readFile, writeFile } from 'node:fs/promises'
import { styleText } from 'node:util'
import type { Config } from '../../config.ts'
import { UsageInvalid } from '../../errors.ts'
import type { RedisInventory } from '../../store/openresty-inventory.ts'
import type { CommandContext } from '../command.ts'
import { findPortHolders } from '../port-holder.ts'
import { alignColumns, printable } from '../print.ts'
import { readCacheInventory, type CacheInventory } from './cache-inventory.ts'
import { readNginx, type NginxNote } from './nginx.ts'

/** What `--json` prints. */
type Plan = {
  readonly ports: readonly { readonly port: number; readonly holders: readonly string[] }[]
  readonly certificates: RedisInventory
  readonly cache: CacheInventory
  readonly nginx: readonly NginxNote[] | undefined
  /** Lines for /etc/blot/environment.sh. */
  readonly environment: readonly string[]
}

/** Names that are shown of a list; `--json` has all. */
const SHOWN = 5

/** What is there, what would change, and what to do: reads, and writes nothing but the list of URLs that is asked for. */
export async function plan(context: CommandContext): Promise<number> {
  const { values, stdout } = context
  const { config } = await context.inspect('run')
  const found = await gather(config, values)
  const urls = values['urls-to']
  if (urls !== undefined) await writeUrls(String(urls), found.certificates.domains, config.host)
  stdout.write(values['json'] === true ? `${JSON.stringify(found, null, 2)}\n` : render(found, stdout))
  return 0
}

async function gather(config: Partial<Config>, values: CommandContext['values']): Promise<Plan> {
  const { host = '', storePrefix = 'ssl', cacheDirectory = '/cache', store } = config
  const url = values['redis']?.toString() ?? (store?.kind === 'redis' ? store.url : undefined)
  if (url === undefined)
    throw new UsageInvalid('say where its Redis is: --redis redis://127.0.0.1:6379, or BLOT_REDIS_HOST')
  if (host === '') throw new UsageInvalid("say what the site's own host is: BLOT_HOST=blot.im")
  const prefix = values['prefix']?.toString() ?? storePrefix
  const nginxFile = values['nginx']?.toString()
  // Loaded here: the other commands need no Redis client to start.
  const { readRedisInventory } = await import('../../store/openresty-inventory.ts')
  const certificates = await readRedisInventory(url, prefix, host)
  const cache = await readCacheInventory(cacheDirectory)
  const nginx = nginxFile === undefined ? undefined : readNginx(await readFile(nginxFile, 'utf8'))
  const ports = await Promise.all(
    [80, 443].map(async (port) => {
      const holders = await findPortHolders(port)
      return { port, holders: [...new Set(holders.map(({ program }) => program))] }
    }),
  )
  const lines = propose({ host, url, prefix, cache, certificates, nginx })
  return { ports, certificates, cache, nginx, environment: lines }
}

type Known = { host: string; url: string; prefix: string } & Pick<Plan, 'cache' | 'certificates' | 'nginx'>

function propose({ host, url, prefix, cache, certificates, nginx = [] }: Known): string[] {
  const fromNginx = new Map(nginx.flatMap(({ variable }) => (variable ? [[variable.name, variable.value]] : [])))
  const lines = new Map([
    ['BLOT_HOST', host],
    // A password belongs into the file itself, and not onto the screen.
    ['EDGE_STORE', url.replace(/(\/\/[^@/]*:)[^@/]*@/, '$1***@')],
    ['EDGE_ACME_EMAIL', `you@${host}`],
    ...(prefix === 'ssl' ? [] : [['EDGE_STORE_PREFIX', prefix] as const]),
    ...(cache.directory === '/cache' ? [] : [['BLOT_CACHE_DIRECTORY', cache.directory] as const]),
    ...(certificates.wildcard === 'there'
      ? ([
          ['EDGE_WILDCARD_CERTIFICATE', '/etc/blot/wildcard.pem'],
          ['EDGE_WILDCARD_KEY', '/etc/blot/wildcard.key'],
        ] as const)
      : []),
    ...fromNginx,
  ])
  return [...lines].map(([name, value]) => `export ${name}='${value.replaceAll("'", '')}'`)
}

/** The front page of every site, for `migrate compare`. */
async function writeUrls(path: string, domains: readonly string[], host: string | undefined): Promise<void> {
  const names = [...(host === undefined ? [] : [host]), ...domains]
  const lines = names.flatMap((name) => [`http://${name}/`, `https://${name}/`])
  await writeFile(path, `${lines.join('\n')}\n`)
}

function render({ ports, certificates, cache, nginx, environment }: Plan, stream: NodeJS.WriteStream): string {
  const heading = (text: string): string => `${styleText('bold', text, { stream })}\n`
  const held = ports.map(({ port, holders }) => [`port ${port}`, holders.join(', ') || 'free'])
  return [
    heading('What is there'),
    alignColumns([...held, ...certificateRows(certificates), ...cacheRows(cache)]),
    ...(nginx === undefined ? [] : [heading('What would change'), alignColumns(changes(nginx))]),
    heading('For /etc/blot/environment.sh'),
    ...environment.map((line) => `  ${printable(line)}\n`),
    heading('Then'),
    ...STEPS.map((step) => `  ${step}\n`),
  ].join('')
}

function certificateRows(found: RedisInventory): string[][] {
  const nextEnd =
    found.nextEndMs === undefined ? '' : `, the first ends on ${new Date(found.nextEndMs).toISOString().slice(0, 10)}`
  const rows: [string, number | string, string][] = [
    ['certificates', found.usable, `can be used as they are${nextEnd}`],
    ['', found.expired.length, `of them have expired${some(found.expired)}`],
    [
      '',
      found.unusable.length,
      `cannot be used${some(found.unusable.map(({ name, reason }) => `${name}: ${reason}`))}`,
    ],
    ['', found.rsa4096, 'have keys of 4096 bits; their renewals have P-256, which costs a fraction'],
    [
      '',
      found.withoutDomain.length,
      `are of names that no blog has: no longer served or renewed${some(found.withoutDomain)}`,
    ],
    ['', found.leftovers, 'old copies, challenges and locks beside them, which are left alone'],
    ['allow-list', found.domains.length, `domains and ${found.handles} handles`],
    [
      '',
      found.withoutCertificate.length,
      `domains have no certificate: the first visit obtains it${some(found.withoutCertificate)}`,
    ],
  ]
  const shown = rows.filter(([label, count]) => label !== '' || count !== 0)
  return [
    ...shown.map(([label, count, words]) => [label, `${count} ${words}`]),
    ['wildcard', WILDCARDS[found.wildcard]],
  ]
}

const WILDCARDS = {
  absent: 'none in Redis: a certificate for each handle, or EDGE_WILDCARD_CERTIFICATE',
  there: 'is in Redis (blot:openresty:ssl): write it to files, see docs/migrate-from-openresty.md',
  'without its key': 'in Redis without its key: find the files, or a certificate for each handle is obtained',
} as const

function cacheRows({ directory, isThere, ...found }: CacheInventory): string[][] {
  if (!isThere) return [['cache', `${directory} is not there, or not ours to read`]]
  const atLeast = found.isCounted ? '' : 'at least '
  const rows = [
    [
      'cache',
      `${directory}: ${found.hosts} hosts, ${atLeast}${found.pageFiles} page files, which are delivered as they are`,
    ],
  ]
  if (found.nginxFiles > 0)
    rows.push(['', `${atLeast}${found.nginxFiles} files of proxy_cache, which the edge does not read`])
  if (found.deadLinks.length > 0)
    rows.push(['', `${found.deadLinks.length} links lead nowhere${some(found.deadLinks)}`])
  return rows
}

function some(list: readonly string[]): string {
  if (list.length === 0) return ''
  const more = list.length > SHOWN ? `, and ${list.length - SHOWN} more` : ''
  return ` (${list.slice(0, SHOWN).map(printable).join(', ')}${more})`
}

function changes(notes: readonly NginxNote[]): string[][] {
  if (notes.length === 0) return [['nothing that is known']]
  return notes.map(({ directive, line, count, becomes, variable }) => [
    directive,
    `line ${line}${count > 1 ? `, ${count} times` : ''}`,
    variable === undefined ? becomes : `${becomes}: ${variable.name}=${printable(variable.value)}`,
  ])
}

const STEPS = [
  'blot-edge check                                        the configuration has no fault',
  'blot-edge certificates import --from REDIS --dry-run   only where the store is another one than its Redis',
  'EDGE_ISSUER=none blot-edge run                         a shadow on other ports, which writes nothing',
  'blot-edge migrate compare --against … --urls FILE      the same answers?',
  'docs/migrate-from-openresty.md                         the switch, and the way back',
]
