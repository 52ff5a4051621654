import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { styleText } from 'node:util'
import type { Config } from '../../config.ts'
import { UsageInvalid } from '../../errors.ts'
import type { CommandContext } from '../command.ts'
import { printable } from '../print.ts'
import { compareAnswers, type Difference } from './differences.ts'
import { ask, type Place } from './exchange.ts'

/** URLs that are asked for at the same time: the server of before has visitors. */
const AT_ONCE = 4
const MOST_URLS = 1_000_000
const PORTS = { http: 80, https: 443 } as const

type Compared = { readonly url: string; readonly differences: readonly Difference[] }

/** Asks two servers the same, and tells what differs. @returns 1 where anything does. */
export async function compare(context: CommandContext, signal: AbortSignal): Promise<number> {
  const { values, stdout, stderr } = context
  const { config } = await context.inspect('run')
  const theirs = readPlaces('--against', values['against'])
  if (theirs.size === 0)
    throw new UsageInvalid('name the server of before: --against http://127.0.0.1:80 --against https://127.0.0.1:443')
  const given = new Map([...placesOf(config), ...readPlaces('--edge', values['edge'])])
  const ports = [...given.values()].map(({ port }) => port).filter((port) => port !== 80 && port !== 443)
  const ours = new Map([...given].map(([scheme, place]) => [scheme, { ...place, ports }]))
  const urls = await readUrls(values['urls'])
  const ignored = new Set(list(values['ignore']).map((name) => name.toLowerCase()))
  const counts = { same: 0, different: 0, skipped: 0 }
  for await (const compared of compareAll(urls, { theirs, ours, ignored, signal })) {
    if (compared === undefined) counts.skipped++
    else if (compared.differences.length === 0) counts.same++
    else counts.different++
    if (compared !== undefined) stdout.write(show(compared, context))
    const done = counts.same + counts.different + counts.skipped
    if (stderr.isTTY) stderr.write(`\r${done} of ${urls.length}\u001b[K`)
  }
  if (stderr.isTTY) stderr.write('\r\u001b[K')
  const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped: no --against of their scheme`
  stderr.write(`${counts.same} the same, ${counts.different} different${skipped}\n`)
  return counts.different === 0 ? 0 : 1
}

type Sides = {
  theirs: ReadonlyMap<string, Place>
  ours: ReadonlyMap<string, Place>
  ignored: ReadonlySet<string>
  signal: AbortSignal
}

/** In the order of the list; undefined for a URL that only one side could be asked for. */
async function* compareAll(urls: readonly URL[], sides: Sides): AsyncGenerator<Compared | undefined> {
  const waiting: Promise<Compared | undefined>[] = []
  for (const url of urls) {
    if (waiting.length >= AT_ONCE) yield await waiting.shift()
    sides.signal.throwIfAborted()
    const compared = compareOne(url, sides)
    // Whoever waits for an earlier one hears of it later.
    compared.catch(() => undefined)
    waiting.push(compared)
  }
  for (const compared of waiting) yield await compared
}

async function compareOne(url: URL, { theirs, ours, ignored, signal }: Sides): Promise<Compared | undefined> {
  const scheme = url.protocol.slice(0, -1)
  const [before, after] = [theirs.get(scheme), ours.get(scheme)]
  if (before === undefined || after === undefined) return undefined
  // One after the other: the app behind both is the same.
  const answers = [await ask(before, url, signal), await ask(after, url, signal)] as const
  return { url: url.href, differences: compareAnswers(...answers, ignored) }
}

function show({ url, differences }: Compared, { values, stdout }: CommandContext): string {
  if (values['json'] === true) return `${JSON.stringify({ url, differences })}\n`
  if (differences.length === 0) return ''
  const lines = differences.map(({ what, theirs, ours }) => `  ${what}: ${printable(theirs)} -> ${printable(ours)}\n`)
  return `${styleText('red', 'differs', { stream: stdout })} ${printable(url)}\n${lines.join('')}`
}

/** The edge of this configuration, on this machine. */
function placesOf({ address = '::', httpPort = 80, httpsPort = 443 }: Partial<Config>): Map<string, Place> {
  const hostname = address === '::' || address === '0.0.0.0' ? '127.0.0.1' : address
  return new Map([
    ['http', { scheme: 'http', hostname, port: httpPort, ports: [] }],
    ['https', { scheme: 'https', hostname, port: httpsPort, ports: [] }],
  ])
}

function readPlaces(option: string, given: CommandContext['values'][string]): Map<string, Place> {
  return new Map(list(given).map((value) => [value.split(':')[0] ?? '', parsePlace(option, value)]))
}

function parsePlace(option: string, value: string): Place {
  const url = URL.canParse(value) ? new URL(value) : undefined
  const scheme = url?.protocol.slice(0, -1)
  if (url === undefined || (scheme !== 'http' && scheme !== 'https') || url.pathname !== '/') {
    throw new UsageInvalid(`${option} is an address such as http://127.0.0.1:80, not ${value.slice(0, 80)}`)
  }
  return { scheme, hostname: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || PORTS[scheme], ports: [] }
}

function list(given: CommandContext['values'][string]): string[] {
  return given === undefined ? [] : (Array.isArray(given) ? given : [given]).map(String)
}

/** One a line; empty lines and those that begin with `#` are passed over. */
async function readUrls(given: CommandContext['values'][string]): Promise<URL[]> {
  if (given === undefined) throw new UsageInvalid('name the URLs: --urls FILE, one a line, or - for standard input')
  const content = given === '-' ? await text(process.stdin) : await readFile(String(given), 'utf8')
  const lines = content.split('\n').map((line) => line.trim())
  const urls = lines.flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return []
    const url = URL.canParse(line) ? new URL(line) : undefined
    if (url?.protocol === 'http:' || url?.protocol === 'https:') return [url]
    throw new UsageInvalid(`line ${i + 1} of ${String(given)} is no http or https URL: ${printable(line.slice(0, 80))}`)
  })
  if (urls.length === 0 || urls.length > MOST_URLS) throw new UsageInvalid(`${String(given)} holds ${urls.length} URLs`)
  return urls
}
