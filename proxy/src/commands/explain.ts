import type { CertificateStatus } from '../certificates/contracts.ts'
import type { ExplainQuestion } from '../admin/contracts.ts'
import { readQuestion } from '../admin/explain-request.ts'
import type { Config } from '../config.ts'
import { ConfigInvalid, UsageInvalid } from '../errors.ts'
import type { UrlExplanation } from '../lifecycle/explain.ts'
import { normaliseName } from '../site/name.ts'
import { identifySite } from '../site/site.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { openDesk } from './certificates/desk.ts'
import { explainCache } from './explain/cache.ts'
import { explainPermission } from './explain/permission.ts'
import { render } from './explain/render.ts'

/** What `--json` prints. */
export type Explanation = {
  readonly host: string
  readonly site: string
  readonly permission: string
  readonly certificate: CertificateStatus
  /** Of a URL. */
  readonly cache: UrlExplanation | undefined
}

export const explain: Command = {
  name: 'explain',
  summary: 'what the edge would do for a name or a URL, and why',
  usage: 'NAME|URL [--header "NAME: VALUE"] [--environment FILE] [--json]',
  help: `Of a name: what kind of site it is, whether it may have a certificate, and which one it gets. Of a URL too: the key of
its answer, who answers it (memory, file, disk, app) and by which rule, its age and what is left of its time, its tags, and
the latest purge of it. The running edge is asked; where none runs, what its memory holds is unknown. It asks, and changes nothing.

  --header LINE    a header of the request that is asked about, more than once: "Accept-Encoding: br"
  --json           one JSON document`,
  options: { header: { type: 'string', multiple: true }, json: { type: 'boolean' }, ...environmentOption },
  allowPositionals: true,
  async run(context) {
    const { host, question } = readArguments(context)
    const config = await configOf(context)
    // First what may need more rights than the edge has: opening the desk may give them up.
    const cache = question && (await explainCache(context, question, config))
    const desk = await openDesk(context, AbortSignal.timeout(60_000))
    try {
      if (config === undefined && !desk.isRunning) await context.resolve('run')
      const site = cache?.site ?? (config === undefined ? 'unknown' : identifySite(host, config.host, false).kind)
      const permission = config === undefined ? NOT_ASKED : await explainPermission(host, config)
      const explanation = { host, site, permission, certificate: await desk.show(host), cache }
      const { stdout } = context
      const isJson = context.values['json'] === true
      stdout.write(isJson ? `${JSON.stringify(explanation, null, 2)}\n` : render(explanation, stdout))
      return 0
    } finally {
      await desk.close()
    }
  },
}

const NOT_ASKED = 'not asked: no valid configuration was found here; the edge that runs has its own'

function readArguments({ positionals, values }: CommandContext): {
  host: string
  question: ExplainQuestion | undefined
} {
  const [given, ...others] = positionals
  if (given === undefined || others.length > 0)
    throw new UsageInvalid('one name or URL is needed: see blot-edge explain --help')
  const headers = [values['header'] ?? []].flat().map(String)
  if (/^https?:\/\//i.test(given)) {
    const question = readQuestion(given, headers)
    if ('error' in question) throw new UsageInvalid(question.error)
    return { host: question.host, question }
  }
  const host = normaliseName(given)
  if (host === undefined) throw new UsageInvalid(`${given.slice(0, 80)} is no host name and no URL`)
  if (headers.length > 0) throw new UsageInvalid('--header is for a URL: a name has no request')
  return { host, question: undefined }
}

/** A running edge can be asked without: `npm start` runs on defaults that are not those of this command. */
async function configOf(context: CommandContext): Promise<Config | undefined> {
  try {
    return (await context.resolve('run')).config
  } catch (error) {
    if (error instanceof ConfigInvalid) return undefined
    throw error
  }
}
