import { UsageInvalid } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { compare } from './migrate/compare.ts'
import { plan } from './migrate/plan.ts'

const VERBS = ['plan', 'compare']
const HINT = 'See blot-edge migrate --help'

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
    const verb = readVerb(context)
    if (verb === 'plan') return plan(context)
    const stopping = new AbortController()
    context.onSignal(() => stopping.abort(new DOMException('stopped', 'AbortError')))
    return compare(context, stopping.signal)
  },
}

function readVerb({ positionals: [verb, ...words] }: CommandContext): string {
  if (verb === undefined) throw new UsageInvalid(`say which: ${VERBS.join(' or ')}. ${HINT}`)
  if (!VERBS.includes(verb))
    throw new UsageInvalid(`unknown verb ${verb}: did you mean ${nearest(verb, VERBS)}? ${HINT}`)
  if (words.length > 0) throw new UsageInvalid(`migrate ${verb} takes no name. ${HINT}`)
  return verb
}
