import type { ParseArgsOptionsConfig } from 'node:util'

export type Environment = Readonly<Record<string, string | undefined>>
export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP'

/** What a command may touch of the world outside: nothing else reads the environment, writes or listens for signals. */
export type CommandContext = {
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>
  readonly positionals: readonly string[]
  readonly environment: Environment
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Calls the listener for each signal from now on, instead of Node's default of ending the process. */
  onSignal(listener: (signal: Signal) => void): void
}

export type Command = {
  readonly name: string
  /** One line for the list of commands; undefined hides the command (a process role, not a person's command). */
  readonly summary: string | undefined
  /** Printed after the usage line by `--help`. */
  readonly help: string
  /** What stands after the name in the usage line: `[--upstream URL] …`. */
  readonly usage: string
  readonly options: ParseArgsOptionsConfig
  /** @returns the exit code: 0 done, 1 fault explained on standard error, 2 wrong usage. */
  run(context: CommandContext): Promise<number>
}
