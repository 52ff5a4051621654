import { styleText } from 'node:util'
import type { CertificateStatus } from '../certificates/contracts.ts'
import { normaliseName } from '../site/name.ts'
import { identifySite } from '../site/site.ts'
import { UsageInvalid } from '../errors.ts'
import { environmentOption, type Command } from './command.ts'
import { openDesk } from './certificates/desk.ts'
import { explainCache, type CacheView } from './explain/cache.ts'
import { explainPermission } from './explain/permission.ts'
import { alignColumns, printable } from './print.ts'

/** What `--json` prints. */
type Explanation = {
  readonly host: string
  readonly site: string
  readonly permission: string
  readonly certificate: CertificateStatus
  readonly cache: CacheView | undefined
}

export const explain: Command = {
  name: 'explain',
  summary: 'what the edge would do for a name or a URL, and why',
  usage: 'NAME|URL [--environment FILE] [--json]',
  help: `Of a name: what kind of site it is, whether it may have a certificate, and which one it gets. Of a URL too: the key of
its answer, which file would answer, or that the app does. It asks, and changes nothing.

  --json           one JSON document`,
  options: { json: { type: 'boolean' }, ...environmentOption },
  allowPositionals: true,
  async run(context) {
    const [given, ...others] = context.positionals
    if (given === undefined || others.length > 0)
      throw new UsageInvalid('one name or URL is needed: see blot-edge explain --help')
    const url = /^https?:\/\//.test(given) ? given : undefined
    const host = normaliseName(url === undefined ? given : hostOf(url))
    if (host === undefined) throw new UsageInvalid(`${given.slice(0, 80)} is no host name and no URL`)
    const { config } = await context.resolve('run')
    const site = identifySite(host, config.host, false)
    // First what may need more rights than the edge has: opening the desk may give them up.
    const cache = url === undefined ? undefined : explainCache(url, site, config)
    const desk = await openDesk(context, AbortSignal.timeout(60_000))
    try {
      const permission = await explainPermission(host, config)
      const explanation: Explanation = { host, site: site.kind, permission, certificate: await desk.show(host), cache }
      const { stdout } = context
      stdout.write(
        context.values['json'] === true ? `${JSON.stringify(explanation, null, 2)}\n` : render(explanation, stdout),
      )
      return 0
    } finally {
      await desk.close()
    }
  },
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : ''
}

function render({ host, site, permission, certificate, cache }: Explanation, stream: NodeJS.WriteStream): string {
  const rows: string[][] = [
    ['site', KINDS[site] ?? site],
    ['permission', permission],
    ['certificate', printable(certificate.words)],
  ]
  if (cache !== undefined) {
    rows.push(['key', printable(cache.key)], ['answers', printable(cache.answers)], ['because', cache.because])
  }
  const dim = ([label = '', value = '']: readonly string[]): string[] => [styleText('dim', label, { stream }), value]
  return `${styleText('bold', host, { stream })}\n${alignColumns(rows.map(dim))}`
}

const KINDS: Readonly<Record<string, string>> = {
  main: 'the site itself ($BLOT_HOST or www.), https only, never cached',
  handle: 'a blog, by its handle',
  preview: 'a preview of a template, never cached',
  cdn: 'static files of the cdn',
  webhooks: 'webhooks, passed to the app',
  domain: "a customer's own domain",
}
