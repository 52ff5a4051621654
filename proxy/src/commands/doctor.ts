import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { CertificateStatus } from '../certificates/contracts.ts'
import { ConfigInvalid, UsageInvalid } from '../errors.ts'
import { readEnvironmentFile, standardEnvironmentFile, type EnvironmentFile } from '../environment-file.ts'
import type { Inspection, Mode } from '../config.ts'
import { environmentOption, type Command, type CommandContext } from './command.ts'
import { examineFolders } from './doctor/cache-folder.ts'
import { examineClock } from './doctor/clock.ts'
import { examineConfiguration } from './doctor/configuration.ts'
import type { Diagnosis } from './doctor/diagnosis.ts'
import { examineEnvironment } from './doctor/environment.ts'
import { examineExpiry } from './doctor/expiry.ts'
import { examineKernel } from './doctor/kernel.ts'
import { examineKeys } from './doctor/keys.ts'
import type { Machine } from './doctor/machine.ts'
import { examineNames } from './doctor/names.ts'
import { examineRedis } from './doctor/redis.ts'
import { renderReport, renderSummary, rowsOf, type Area } from './doctor/report.ts'
import { examineRunBits } from './doctor/run-bits.ts'
import { examineServed } from './doctor/served.ts'
import { examineSupervision } from './doctor/supervision.ts'

/** How long the certificates may take to be listed, ms, and how much there may be of them. */
const LIST_MS = 60_000
const LIST_BYTES = 256 * 1024 * 1024

export const doctor: Command = {
  name: 'doctor',
  summary: 'finds what was forgotten on this machine, and says what mends it',
  usage: '[--fix] [--json] [--mode dev|run] [--environment FILE]',
  help: `Looks at configuration, files and their modes, kernel, ports, Redis, app, certificates, clock and DNS. Each finding is
ok, warn (it works today) or fail, with the reason and the command that mends it. Run it as root to have everything seen.
The exit code is 1 when anything fails.

  --fix            mends what can do no harm: modes and owners of the edge's files, a missing cache folder, run bits
  --json           one JSON object on standard output
  --mode dev|run   the command to examine the machine for; default run`,
  options: {
    fix: { type: 'boolean' },
    json: { type: 'boolean' },
    mode: { type: 'string' },
    ...environmentOption,
  },
  async run(context) {
    const mode = readMode(context.values['mode'] ?? 'run')
    let areas = await examine(context, mode)
    if (context.values['fix'] === true && (await mendAll(areas, context.stderr))) areas = await examine(context, mode)
    const { stdout } = context
    const rows = rowsOf(areas)
    const hasFailed = rows.some(({ state }) => state === 'fail')
    if (context.values['json'] === true) {
      stdout.write(`${JSON.stringify({ ok: !hasFailed, findings: rows }, null, 2)}\n`)
      return hasFailed ? 1 : 0
    }
    stdout.write(`${renderReport(areas, stdout)}${renderSummary(areas)}\n`)
    const fixable = rows.filter((row) => row.fixable && row.state !== 'ok').length
    if (fixable > 0) stdout.write(`blot-edge doctor --fix mends ${fixable} of them\n`)
    return hasFailed ? 1 : 0
  },
}

function readMode(text: unknown): Mode {
  if (text === 'dev' || text === 'run') return text
  throw new UsageInvalid(`--mode is dev or run, not ${String(text)}: see blot-edge doctor --help`)
}

async function examine(context: CommandContext, mode: Mode): Promise<Area[]> {
  const { inspection, file } = await read(context, mode)
  const machine = describeMachine(context, { mode, inspection, file })
  const examinations: readonly (readonly [string, Promise<Diagnosis[]>])[] = [
    ['Configuration', examineConfiguration(inspection, mode)],
    ['Environment', examineEnvironment(machine)],
    ['Folders', examineFolders(machine)],
    ['Keys', examineKeys(machine)],
    ['What is served', examineServed(machine)],
    ['Scripts', examineRunBits(machine)],
    ['Kernel', examineKernel(machine)],
    ['Redis', examineRedis(machine)],
    ['Certificates', examineExpiry(machine, mode === 'dev' ? undefined : () => listCertificates(context))],
    ['Clock', examineClock(machine)],
    ['Names', examineNames(machine)],
    ['Supervision', examineSupervision(machine)],
  ]
  return Promise.all(examinations.map(async ([area, diagnoses]) => ({ area, diagnoses: await diagnoses })))
}

/** An environment file that cannot be parsed leaves nothing to resolve: its faults are what the configuration has. */
async function read(
  context: CommandContext,
  mode: Mode,
): Promise<{ inspection: Inspection; file: EnvironmentFile | undefined }> {
  try {
    const path = context.values['environment']?.toString()
    const file = mode === 'run' || path !== undefined ? await readEnvironmentFile(path) : undefined
    return { inspection: await context.inspect(mode), file }
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return { inspection: { config: {}, origins: [], faults: error.faults }, file: undefined }
  }
}

type Given = { mode: Mode; inspection: Inspection; file: EnvironmentFile | undefined }

function describeMachine(context: CommandContext, { mode, inspection, file }: Given): Machine {
  return {
    mode,
    config: inspection.config,
    origins: inspection.origins,
    environmentFile: context.values['environment']?.toString() ?? standardEnvironmentFile,
    text: (name) => (file?.assignments.get(name)?.value ?? context.environment[name]) || undefined,
    release: context.root,
    system: '/',
  }
}

/** By the command itself: it becomes the edge's user for good before it opens the store. */
async function listCertificates(context: CommandContext): Promise<CertificateStatus[]> {
  const { environment } = context.values
  const args = [
    'certificates',
    'list',
    '--json',
    ...(environment === undefined ? [] : ['--environment', String(environment)]),
  ]
  const options = { env: { ...context.environment }, timeout: LIST_MS, maxBuffer: LIST_BYTES }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [context.main, ...args], options)
    const lines = stdout.split('\n').filter((line) => line !== '')
    return lines.map((line) => JSON.parse(line) as CertificateStatus)
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : undefined
    throw new Error(said?.replace(/^blot-edge: /, '') || String(error), { cause: error })
  }
}

/** One after the other, each told of. @returns whether anything was mended. */
async function mendAll(areas: readonly Area[], stderr: NodeJS.WriteStream): Promise<boolean> {
  let hasMended = false
  for (const { fix, state, subject, mend } of areas.flatMap(({ diagnoses }) => diagnoses)) {
    if (fix === undefined || state === 'ok') continue
    try {
      await fix()
      hasMended = true
      stderr.write(`mended: ${subject} (${mend})\n`)
    } catch (error) {
      stderr.write(`could not be mended: ${subject}: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  return hasMended
}
