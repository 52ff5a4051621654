import { styleText } from 'node:util'
import type { Inspection, Mode, Origin } from '../config.ts'
import { findFileFaults } from '../config/verify.ts'
import { ConfigInvalid, UsageInvalid, type ConfigFault } from '../errors.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { ANSWER_MS, findOut } from './find-out.ts'
import type { Finding } from './finding.ts'
import { alignColumns, countFaults, renderFaults, visible } from './print.ts'

/** What `--json` prints. */
type Report = {
  readonly mode: Mode
  readonly ok: boolean
  readonly configuration: readonly Origin[]
  readonly checks: readonly Finding[]
  readonly faults: readonly ConfigFault[]
}

export const check: Command = {
  name: 'check',
  summary: 'shows the configuration and where it comes from, and every fault in it',
  usage: '[--mode dev|run] [--configuration] [--timeout SECONDS] [--environment FILE] [--json]',
  help: `Prints each variable with its value and origin (secrets masked), then tries what the edge would need: files and
folders, ports, the store, the app. It changes nothing. Faults go to standard error, and the exit code is 1.

  --mode dev|run     the command to check for; default run
  --configuration    values and files alone, without which the edge does not start; asks no port, store or app
  --timeout SECONDS  how long app and Redis may take to answer; default 10
  --json             one JSON object on standard output`,
  options: {
    mode: { type: 'string' },
    configuration: { type: 'boolean' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
    ...environmentOption,
  },
  async run(context) {
    const mode = readMode(context.values['mode'] ?? 'run')
    const limitMs = readTimeout(context.values['timeout']?.toString())
    const inspection = await inspect(context, mode)
    const findings = context.values['configuration'] === true ? [] : await findOut(inspection, mode, limitMs)
    const faults = [
      ...inspection.faults,
      ...(await findFileFaults(inspection.config, mode)),
      ...findings.filter(({ ok }) => !ok),
    ].map(({ variable, value, message }) => ({ variable, value, message }))
    const report: Report = {
      mode,
      ok: faults.length === 0,
      configuration: inspection.origins,
      checks: findings,
      faults,
    }
    const { stdout, stderr } = context
    if (context.values['json'] === true) stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    else stdout.write(render(report, stdout))
    if (report.ok) return 0
    stderr.write(`blot-edge: ${countFaults(faults.length)}\n${renderFaults(faults, stderr)}`)
    return 1
  },
}

function readMode(text: unknown): Mode {
  if (text === 'dev' || text === 'run') return text
  throw new UsageInvalid(`--mode is dev or run, not ${String(text)}: see blot-edge check --help`)
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return ANSWER_MS
  const seconds = Number(text)
  if (seconds > 0 && seconds <= 600) return seconds * 1000
  throw new UsageInvalid(`--timeout is a number of seconds up to 600, not ${text}`)
}

/** An environment file that cannot be parsed leaves nothing to resolve: then its faults are the whole answer. */
async function inspect(context: CommandContext, mode: Mode): Promise<Inspection> {
  try {
    return await context.inspect(mode)
  } catch (error) {
    if (error instanceof ConfigInvalid) return { config: {}, origins: [], faults: error.faults }
    throw error
  }
}

function render({ mode, configuration, checks }: Report, stream: NodeJS.WriteStream): string {
  const settings = configuration.map(({ variable, value, origin }) => [
    variable,
    visible(value ?? '') || '(unset)',
    styleText('dim', origin, { stream }),
  ])
  const rows = checks.map(({ ok, variable, value, message }) => [
    ok ? styleText('green', 'ok', { stream }) : styleText('red', 'fault', { stream }),
    variable,
    value,
    message,
  ])
  const shown = `Configuration of blot-edge ${mode}\n${alignColumns(settings)}`
  return rows.length === 0 ? shown : `${shown}\nChecks\n${alignColumns(rows)}`
}
