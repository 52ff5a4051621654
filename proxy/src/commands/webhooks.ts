import { styleText } from 'node:util'
import { collect } from '../collect.ts'
import { UsageInvalid } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { WebhookState, WebhookView } from '../webhooks/contracts.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { alignColumns, printable } from './print.ts'
import { openDesk, type Desk } from './webhooks/desk.ts'

const VERBS = ['list', 'retry', 'drop'] as const
type Verb = (typeof VERBS)[number]

type Work = {
  readonly context: CommandContext
  readonly ids: readonly string[]
  readonly state: WebhookState | undefined
  readonly isAll: boolean
  readonly json: boolean
  readonly desk: Desk
}

const HINT = 'see blot-edge webhooks --help'

export const webhooks: Command = {
  name: 'webhooks',
  summary: 'lists, retries and drops webhooks that the app has not taken yet',
  usage: 'list|retry|drop [ID]… [OPTION]…',
  help: `Webhooks that came while the app was away wait for it; those that it refused again and again were given up, and are "dead".
Asks the edge that runs at EDGE_ADMIN; where none runs, EDGE_STORE itself. Bodies and headers are never printed.

  list [--state waiting|dead]
  retry ID…              has those wait again that were given up, and tries now
  retry --all            all that were given up
  drop ID…               nobody will deliver them
  drop --all [--state waiting|dead] [--yes]
                         all that were given up, or all that wait; asks first, or wants --yes

  --json                 one JSON document a line`,
  options: {
    state: { type: 'string' },
    all: { type: 'boolean' },
    yes: { type: 'boolean' },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  allowPositionals: true,
  async run(context) {
    const [word, ...ids] = context.positionals
    const verb = readVerb(word)
    const { state, all, json } = context.values
    const asked = { ids, state: readState(state), isAll: all === true, json: json === true }
    checkUsage(verb, asked, context.values)
    const stopping = new AbortController()
    context.onSignal(() => stopping.abort(new DOMException('stopped', 'AbortError')))
    const desk = await openDesk(context, stopping.signal)
    try {
      return await WORK[verb]({ context, ...asked, desk })
    } finally {
      await desk.close()
    }
  },
}

function readVerb(word: string | undefined): Verb {
  const verb = VERBS.find((known) => known === word)
  if (verb !== undefined) return verb
  if (word === undefined) throw new UsageInvalid(`say which: ${VERBS.join(', ')}: ${HINT}`)
  throw new UsageInvalid(`unknown verb ${word}: did you mean ${nearest(word, VERBS)}? ${HINT}`)
}

function readState(text: CommandContext['values'][string]): WebhookState | undefined {
  if (text === undefined || text === 'waiting' || text === 'dead') return text
  throw new UsageInvalid(`--state is waiting or dead: ${HINT}`)
}

function checkUsage(
  verb: Verb,
  { ids, state, isAll }: Pick<Work, 'ids' | 'state' | 'isAll'>,
  values: CommandContext['values'],
): void {
  const strange = verb === 'list' ? ['all', 'yes'] : verb === 'retry' ? ['state', 'yes'] : []
  const given = strange.find((option) => values[option] !== undefined)
  if (given !== undefined) throw new UsageInvalid(`--${given} means nothing to webhooks ${verb}: ${HINT}`)
  if (verb === 'list' && ids.length > 0) throw new UsageInvalid(`webhooks list takes no id: ${HINT}`)
  if (verb !== 'list' && isAll === ids.length > 0) throw new UsageInvalid(`give ids, or --all: ${HINT}`)
  if (!isAll && verb === 'drop' && state !== undefined) throw new UsageInvalid(`--state goes with --all: ${HINT}`)
}

const WORK: Readonly<Record<Verb, (work: Work) => Promise<number>>> = { list, retry, drop }

async function list({ context: { stdout }, state, json, desk }: Work): Promise<number> {
  if (json) {
    for await (const view of desk.list(state)) stdout.write(`${JSON.stringify(view)}\n`)
    return 0
  }
  stdout.write(render(await collect(desk.list(state)), stdout))
  return 0
}

async function retry({ context: { stdout }, ids, isAll, json, desk }: Work): Promise<number> {
  if (isAll) {
    const retried = await desk.retryAll()
    stdout.write(json ? `${JSON.stringify({ retried })}\n` : `${count(retried)} again.\n`)
    return 0
  }
  for (const id of ids) {
    const view = await desk.retry(id)
    stdout.write(json ? `${JSON.stringify(view)}\n` : `${view.id}: waits\n`)
  }
  return 0
}

async function drop({ context, ids, state = 'dead', isAll, json, desk }: Work): Promise<number> {
  const { stdout, values } = context
  if (isAll) {
    const which = state === 'dead' ? 'were given up' : 'wait for the app'
    if (
      values['yes'] !== true &&
      !(await context.confirm(`Drop all webhooks that ${which}? Nobody will deliver them.`))
    )
      throw new UsageInvalid('nothing was dropped: --all wants --yes where nobody says yes on a terminal')
    const dropped = await desk.dropAll(state)
    stdout.write(json ? `${JSON.stringify({ dropped })}\n` : `${dropped} dropped.\n`)
    return 0
  }
  for (const id of ids) {
    await desk.drop(id)
    stdout.write(json ? `${JSON.stringify({ id, dropped: true })}\n` : `${id}: dropped\n`)
  }
  return 0
}

function count(retried: number): string {
  return retried === 1 ? '1 waits' : `${retried} wait`
}

function render(views: readonly WebhookView[], stream: NodeJS.WriteStream): string {
  if (views.length === 0) return 'No webhooks.\n'
  const heading = ['id', 'state', 'path', 'bytes', 'accepted', 'tries', 'last error'].map((text) =>
    styleText('dim', text, { stream }),
  )
  const rows = views.map(({ id, state, path, bytes, acceptedAtMs, attempts, error }) => [
    id,
    styleText(state === 'dead' ? 'red' : 'yellow', state, { stream }),
    printable(path),
    String(bytes),
    `${new Date(acceptedAtMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    String(attempts),
    error === undefined ? '' : printable(error),
  ])
  return alignColumns([heading, ...rows])
}
