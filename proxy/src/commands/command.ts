import type { ParseArgsOptionsConfig } from 'node:util'
import type { Flags, Inspection, Mode, ResolvedConfig } from '../config.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP'

/** What a command may touch of the world outside: nothing else reads the environment, writes or listens for signals. */
export type CommandContext = {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
  readonly positionals: readonly string[]
  readonly environment: Environment
  /** Path of `main.ts`: children are started with it. */
  readonly main: string
  /** How this release was reached: absolute path of its launcher or of `main.ts`, with the links in it. */
  readonly launchedAs: string
  /** Where it was started. */
  readonly directory: string
  /** The folder that holds `package.json`. */
  readonly root: string
  readonly version: string
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Asks for a yes on the terminal. @returns false where there is none. */
  confirm(question: string): Promise<boolean>
  /** Calls the listener for each signal from now on, instead of Node's default of ending the process. */
  onSignal(listener: (signal: Signal) => void): void
  /**
   * The configuration, from flags, environment file (read anew) and environment; the machine has been asked whether it can
   * be used. @throws ConfigInvalid with all faults at once.
   */
  resolve(mode: Mode, flags?: Flags): Promise<ResolvedConfig>
  /** The same of a faulty environment too: what could be resolved, and the faults. Nothing was asked of the machine. */
  inspect(mode: Mode): Promise<Inspection>
}

/** For the options of a command that resolves the configuration of `run`. */
export const environmentOption = { environment: { type: 'string' } } as const

export type Command = {
  readonly name: string
  /** One line for the list of commands; undefined hides the command (a process role, not a person's command). */
  readonly summary: string | undefined
  /** Printed after the usage line by `--help`. */
  readonly help: string
  /** What stands after the name in the usage line: `[--upstream URL] …`. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** Whether words without a dash may stand behind the options; they may not unless this is true. */
  readonly allowPositionals?: boolean
  /** @returns the exit code: 0 done, 1 fault explained on standard error, 2 wrong usage. */
  run(context: CommandContext): Promise<number>
}
