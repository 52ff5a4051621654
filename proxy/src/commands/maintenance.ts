import { styleText } from 'node:util'
import { parseMaintenance } from '../admin/maintenance-request.ts'
import { AdminUnavailable, UsageInvalid } from '../errors.ts'
import { readSwitch, writeSwitch } from '../lifecycle/maintenance.ts'
import { prepareDataDirectory } from '../lifecycle/data-directory.ts'
import { resolveUser } from '../lifecycle/user.ts'
import { viewMaintenance, type MaintenanceView } from '../maintenance.ts'
import { nearest } from '../nearest.ts'
import { askAdmin, isNobodyThere, locateAdmin } from './ask-admin.ts'
import { becomeEdgeUser } from './certificates/edge-user.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { alignColumns, printable } from './print.ts'

const VERBS = ['on', 'off', 'status'] as const
type Verb = (typeof VERBS)[number]

/** Longer than the edge itself waits for its workers. */
const SILENCE_MS = 15_000

export const maintenance: Command = {
  name: 'maintenance',
  summary: 'switches the maintenance page on or off, on this machine',
  usage: 'on|off|status [OPTION]…',
  help: `Visitors get what is cached, and a page that says when to come again; webhooks are kept for the app. The switch stays as
it is over reloads and restarts, until it is switched off. Asks the edge that runs at EDGE_ADMIN; where none runs, the switch is
turned for the next one that does. BLOT_MAINTENANCE=true is maintenance too, whatever the switch says.

  on [--retry-after 600] [--message TEXT]
                   seconds that visitors are told to wait (120), and your own sentence for the page
  off
  status

  --json           the answer as it is`,
  options: {
    'retry-after': { type: 'string' },
    message: { type: 'string' },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  allowPositionals: true,
  async run(context) {
    const verb = readVerb(context)
    const view = await carryOut(context, verb, readBody(context, verb))
    const { stdout } = context
    stdout.write(context.values['json'] === true ? `${JSON.stringify(view)}\n` : render(view, stdout))
    return 0
  },
}

function readVerb({ positionals, values }: CommandContext): Verb {
  const [word, ...others] = positionals
  const hint = 'blot-edge maintenance --help'
  const verb = VERBS.find((known) => known === word)
  if (word === undefined) throw new UsageInvalid(`say which: ${VERBS.join(', ')}. See ${hint}`)
  if (verb === undefined)
    throw new UsageInvalid(`unknown verb ${word}: did you mean ${nearest(word, VERBS)}? See ${hint}`)
  if (others.length > 0) throw new UsageInvalid(`maintenance ${verb} takes no further word: see ${hint}`)
  const strange = ['retry-after', 'message'].find((option) => values[option] !== undefined && verb !== 'on')
  if (strange !== undefined) throw new UsageInvalid(`--${strange} goes with maintenance on: see ${hint}`)
  return verb
}

/** The body of `POST /maintenance`; undefined for one who only looks. */
function readBody({ values }: CommandContext, verb: Verb): object | undefined {
  if (verb === 'status') return undefined
  const { 'retry-after': seconds, message } = values
  return {
    on: verb === 'on',
    ...(seconds !== undefined && { retryAfter: Number(seconds) }),
    ...(message !== undefined && { message: String(message) }),
  }
}

async function carryOut(context: CommandContext, verb: Verb, body: object | undefined): Promise<MaintenanceView> {
  const order = body && parseMaintenance(body)
  if (order !== undefined && 'error' in order) {
    throw new UsageInvalid(order.error.replace('"retryAfter"', '--retry-after').replace('"message"', '--message'))
  }
  try {
    const asked = body === undefined ? {} : ({ method: 'POST', body } as const)
    const place = await locateAdmin(context)
    return parseView(await askAdmin(place, { path: '/maintenance', ...asked, silenceMs: SILENCE_MS }))
  } catch (error) {
    if (!isNobodyThere(error)) throw error
    const { config } = await context.resolve('run')
    if (verb !== 'status') prepareDataDirectory(config.dataDirectory, resolveUser(config.user))
    becomeEdgeUser(config)
    const switched = order === undefined ? await readSwitch(config) : await writeSwitch(config, order)
    return viewMaintenance(config.maintenance, switched)
  }
}

function parseView(text: string): MaintenanceView {
  try {
    const view = JSON.parse(text) as Partial<MaintenanceView> | null
    if (typeof view?.on === 'boolean' && Array.isArray(view.by)) return view as MaintenanceView
  } catch {
    // Said below.
  }
  throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
}

function render({ on, by, since, retryAfter, message }: MaintenanceView, stream: NodeJS.WriteStream): string {
  if (!on) return `Maintenance is ${styleText('green', 'off', { stream })}.\n`
  const rows = [
    ['by', by.join(' and ')],
    ['since', since],
    ['retry after', `${retryAfter} s`],
    ['message', message],
  ].flatMap(([label = '', value]) =>
    value === undefined ? [] : [[styleText('dim', label, { stream }), printable(value)]],
  )
  return `Maintenance is ${styleText('yellow', 'on', { stream })}.\n${alignColumns(rows)}`
}
