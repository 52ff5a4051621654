import { readFileSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { readArguments, type Parsed, type Request } from './commands/arguments.ts'
import type { Command, CommandContext, Signal } from './commands/command.ts'
import { createContext } from './commands/context.ts'
import { renderCommandHelp, renderHelp } from './commands/help.ts'
import { loadCommands } from './commands/index.ts'
import { renderError } from './commands/print.ts'
import { UsageInvalid } from './errors.ts'

/** The command line: alone in reading the environment, installing signals and ending the process. */

const main = fileURLToPath(import.meta.url)
const root = join(import.meta.dirname, '../..')

/** After a second SIGTERM, how long a command may take to tidy up, ms. */
const lastMomentMs = 1000

for (const stream of [process.stdout, process.stderr]) {
  // A reader that left (`blot-edge status | head -1`) is no fault, and no reason for a server to end.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

// A command that has returned is over, whatever connection or channel still lingers.
process.exit(await execute())

async function execute(): Promise<number> {
  try {
    const args = process.argv.slice(2)
    const commands = await loadCommands(args[0])
    return await answer(readArguments(args, commands), commands)
  } catch (error) {
    process.stderr.write(renderError(error, process.stderr))
    return error instanceof UsageInvalid ? 2 : 1
  }
}

async function answer(request: Request | undefined, commands: readonly Command[]): Promise<number> {
  const version = readVersion()
  if (request?.kind === 'run') return request.command.run(surround(request.parsed, version))
  if (request === undefined) {
    process.stderr.write(renderHelp(version, commands))
    return 2
  }
  process.stdout.write(
    request.kind === 'version' ? `${version}\n` : renderRequestedHelp(request.command, version, commands),
  )
  return 0
}

function renderRequestedHelp(command: Command | undefined, version: string, commands: readonly Command[]): string {
  return command === undefined ? renderHelp(version, commands) : renderCommandHelp(command)
}

function surround(parsed: Parsed, version: string): CommandContext {
  const { env: environment, stdout, stderr } = process
  const onSignal = installSignals
  return createContext({
    ...parsed,
    environment,
    main,
    launchedAs: findLauncher() ?? process.argv[1] ?? main,
    root,
    version,
    stdout,
    stderr,
    confirm,
    onSignal,
    directory: process.cwd(),
  })
}

async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim())
  } finally {
    terminal.close()
  }
}

/** The second SIGTERM ends the process whatever it is doing: whoever sends it does not want to wait for the drain. */
function installSignals(listener: (signal: Signal) => void): void {
  let isTold = false
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => listener(signal))
  process.on('SIGTERM', () => {
    // 128 + number is how shells tell an end by signal.
    if (isTold) setTimeout(() => process.exit(128 + constants.signals.SIGTERM), lastMomentMs).unref()
    isTold = true
  })
}

/** The launcher says how it was called. That of another edge, from whose environment this one comes, is none of ours. */
function findLauncher(): string | undefined {
  const launcher = process.env['BLOT_EDGE_LAUNCHER']
  try {
    return launcher !== undefined && realpathSync(launcher) === join(root, 'bin/blot-edge') ? launcher : undefined
  } catch {
    return undefined
  }
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}
