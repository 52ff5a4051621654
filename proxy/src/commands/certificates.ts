import { UsageInvalid } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { openDesk, type Desk } from './certificates/desk.ts'
import { exporting } from './certificates/export.ts'
import { importing } from './certificates/import.ts'
import { list, show } from './certificates/look.ts'
import { issue, remove, renew, revoke } from './certificates/order.ts'
import type { Subcommand } from './certificates/subcommand.ts'

const subcommands: readonly Subcommand[] = [list, show, issue, renew, revoke, remove, importing, exporting]
/** Known to each of them. */
const common = new Set(['json', 'environment'])

export const certificates: Command = {
  name: 'certificates',
  summary: 'lists, shows, issues, renews, revokes, removes, imports and exports certificates',
  usage: 'list|show|issue|renew|revoke|remove|import|export [NAME] [OPTION]…',
  help: `Asks the edge that runs at EDGE_ADMIN. Where none runs, list, show, remove, import and export use EDGE_STORE itself.
Private keys are never printed.

  list [--state STATE,…] [--search TEXT]
                         every name, its state and what to do about it
  show NAME              one name, in words that its owner can be sent
  issue NAME             obtains a certificate now, unless a good one is there
  renew NAME             obtains a new one now
  renew --all [--issuer ID] [--per-minute 20]
                         after a mass revocation: one after the other; Ctrl-C stops, what is done stays
  revoke NAME [--reason keyCompromise|superseded|cessationOfOperation|affiliationChanged|unspecified]
  remove NAME            forgets it; a visitor who comes has a new one obtained
  import --from redis://HOST[:PORT] [--prefix ssl] [--dry-run] [--yes]
  import --from file:/etc/resty-auto-ssl/storage/file [--dry-run] [--yes]
                         from lua-resty-auto-ssl, which is left as it is; again is harmless
  import --pem CERTIFICATE KEY [--name NAME]… [--dry-run]
                         your own, which no order replaces while it is valid
  export NAME|--all --to FOLDER
                         NAME.pem and NAME-key.pem, which only their owner may read

  --json                 one JSON document, or one a line`,
  options: {
    state: { type: 'string' },
    search: { type: 'string' },
    all: { type: 'boolean' },
    issuer: { type: 'string' },
    'per-minute': { type: 'string' },
    reason: { type: 'string' },
    from: { type: 'string' },
    prefix: { type: 'string' },
    'dry-run': { type: 'boolean' },
    yes: { type: 'boolean' },
    pem: { type: 'boolean' },
    name: { type: 'string', multiple: true },
    to: { type: 'string' },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  allowPositionals: true,
  async run(context) {
    const [verb, ...words] = context.positionals
    const subcommand = choose(verb)
    checkUsage(subcommand, words, context.values)
    const stopping = new AbortController()
    context.onSignal(() => stopping.abort(new DOMException('stopped', 'AbortError')))
    let opened: Desk | undefined
    const desk = async (): Promise<Desk> => (opened ??= await openDesk(context, stopping.signal))
    try {
      const json = context.values['json'] === true
      return await subcommand.run({ context, words, json, desk, signal: stopping.signal })
    } finally {
      await opened?.close()
    }
  },
}

function choose(verb: string | undefined): Subcommand {
  const known = subcommands.map(({ name }) => name)
  if (verb === undefined) throw new UsageInvalid(`say which: ${known.join(', ')}. See blot-edge certificates --help`)
  const subcommand = subcommands.find(({ name }) => name === verb)
  if (subcommand !== undefined) return subcommand
  throw new UsageInvalid(
    `unknown verb ${verb}: did you mean ${nearest(verb, known)}? See blot-edge certificates --help`,
  )
}

function checkUsage(
  { name, options, words: { least, most } }: Subcommand,
  words: readonly string[],
  values: CommandContext['values'],
): void {
  const strange = Object.keys(values).find((option) => !options.includes(option) && !common.has(option))
  if (strange !== undefined)
    throw new UsageInvalid(`--${strange} means nothing to certificates ${name}: see blot-edge certificates --help`)
  if (words.length < least)
    throw new UsageInvalid(`certificates ${name} needs a name: see blot-edge certificates --help`)
  if (words.length > most)
    throw new UsageInvalid(
      `certificates ${name} takes ${most === 0 ? 'no name' : `${most} at most`}: see blot-edge certificates --help`,
    )
}
