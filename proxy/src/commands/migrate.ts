import { UsageInvalid } from '../errors.ts'
import { environmentOption, type Command } from './command.ts'
import { compare } from './migrate/compare.ts'
import { plan } from './migrate/plan.ts'

export const migrate: Command = {
  name: 'migrate',
  summary: 'from OpenResty with lua-resty-auto-ssl: what is there, and whether the edge answers the same',
  usage: 'plan|compare [OPTION]…',
  help: `docs/migrate-from-openresty.md leads through all of it. Neither verb changes anything.

  plan [--redis redis://HOST[:PORT]] [--prefix ssl] [--nginx FILE] [--urls-to FILE] [--json]
                         counts certificates, domains and page files, and proposes the configuration.
                         --nginx: what "nginx -T" printed; --urls-to: writes the front page of every site
  compare --against http://127.0.0.1:80 [--against https://127.0.0.1:443] --urls FILE|-
          [--edge http://…] [--edge https://…] [--ignore NAME]… [--json]
                         asks both for each URL: status, headers that matter, body, certificate.
                         --edge: the edge of this configuration unless told; --ignore: body, certificate, a header
                         exit code 1 where anything differs`,
  options: {
    redis: { type: 'string' },
    prefix: { type: 'string' },
    nginx: { type: 'string' },
    'urls-to': { type: 'string' },
    against: { type: 'string', multiple: true },
    edge: { type: 'string', multiple: true },
    urls: { type: 'string' },
    ignore: { type: 'string', multiple: true },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  allowPositionals: true,
  async run(context) {
    const [verb, ...words] = context.positionals
    if (words.length > 0) throw new UsageInvalid(`migrate ${verb} takes no name: see blot-edge migrate --help`)
    if (verb === 'plan') return plan(context)
    if (verb !== 'compare') throw new UsageInvalid('say which: plan or compare. See blot-edge migrate --help')
    const stopping = new AbortController()
    context.onSignal(() => stopping.abort(new DOMException('stopped', 'AbortError')))
    return compare(context, stopping.signal)
  },
}
