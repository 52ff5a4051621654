import { styleText } from 'node:util'
import type { PurgeAnswer } from '../admin/purge-request.ts'
import { PURGE_TOKEN_HEADER } from '../admin/token.ts'
import { AdminUnavailable, UsageInvalid } from '../errors.ts'
import type { PurgeFields } from '../purge.ts'
import { askAdmin, locateAdmin } from './ask-admin.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { alignColumns } from './print.ts'

/** Longer than the edge itself waits for its workers. */
const SILENCE_MS = 15_000
const names = { type: 'string', multiple: true } as const

export const purge: Command = {
  name: 'purge',
  summary: 'drops answers from the cache, in every worker of every machine',
  usage: '--host NAME|--url URL|--prefix URL|--tag TAG|--all [--soft] [--yes] [--json] [--environment FILE]',
  help: `Asks the edge that runs at EDGE_ADMIN, and ends when all of its workers have done it. Names may be given more than once.

  --host NAME      everything of a host
  --url URL        one URL, over http and https: https://example.com/path?query
  --prefix URL     all URLs that begin so: https://example.com/2026/
  --tag TAG        all that the app tagged so (Cache-Tag, Surrogate-Key)
  --all            everything; asks first, or wants --yes
  --soft           only marks as stale: visitors get it once more while it is fetched anew
  --json           the answer as it is`,
  options: {
    host: names,
    url: names,
    prefix: names,
    tag: names,
    all: { type: 'boolean' },
    soft: { type: 'boolean' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  async run(context) {
    const fields = readFields(context.values)
    if (fields.everything === true && context.values['yes'] !== true && !(await context.confirm(QUESTION))) {
      throw new UsageInvalid('nothing was purged: --all wants --yes where nobody says yes on a terminal')
    }
    const text = await ask(context, fields)
    const answer = parseAnswer(text)
    if (answer === undefined) throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
    context.stdout.write(context.values['json'] === true ? `${text.trim()}\n` : render(answer, context.stdout))
    return 0
  },
}

const QUESTION = 'Drop everything that the edge has cached? The app will be asked for every page.'

function readFields(values: CommandContext['values']): PurgeFields {
  const given = (name: string): string[] => [values[name] ?? []].flat().map(String)
  const [hosts, urls, prefixes, tags] = [given('host'), given('url'), given('prefix'), given('tag')]
  const count = hosts.length + urls.length + prefixes.length + tags.length
  const soft = values['soft'] === true && { soft: true }
  if (values['all'] === true) {
    if (count > 0) throw new UsageInvalid('--all names everything: leave the others out, or --all')
    return { everything: true, ...soft }
  }
  if (count === 0)
    throw new UsageInvalid('say what: --host, --url, --prefix, --tag or --all. See blot-edge purge --help')
  const lists = Object.entries({ hosts, urls, prefixes, tags }).filter(([, list]) => list.length > 0)
  return { ...Object.fromEntries(lists), ...soft }
}

/** The token of purges is enough where there is no other. */
async function ask(context: CommandContext, body: PurgeFields): Promise<string> {
  const place = await locateAdmin(context)
  const { purgeToken } = (await context.inspect('run')).config
  const headers = place.token === undefined && purgeToken !== undefined ? { [PURGE_TOKEN_HEADER]: purgeToken } : {}
  return askAdmin(place, { method: 'POST', path: '/purge', body, headers, silenceMs: SILENCE_MS })
}

/** @returns undefined for the answer of another program. */
function parseAnswer(text: string): PurgeAnswer | undefined {
  try {
    const answer = JSON.parse(text) as Partial<PurgeAnswer> | null
    const isOurs = typeof answer?.entries === 'number' && typeof answer.names === 'object'
    return isOurs ? (answer as PurgeAnswer) : undefined
  } catch {
    return undefined
  }
}

function render({ names: counts, pending }: PurgeAnswer, stream: NodeJS.WriteStream): string {
  const heading = ['purged', 'entries'].map((word) => styleText('dim', word, { stream }))
  const rows = Object.entries(counts).map(([name, count]) => [name, String(count)])
  const word = styleText('yellow', 'pending', { stream })
  const rest = pending ? `${word}: the store does not answer; other machines will hear of it when it is back\n` : ''
  return alignColumns([heading, ...rows]) + rest
}
