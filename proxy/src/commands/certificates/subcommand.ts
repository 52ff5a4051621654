import type { CommandContext } from '../command.ts'
import type { Desk } from './desk.ts'

/** A verb of `blot-edge certificates`. */
export type Subcommand = {
  readonly name: string
  /** The options that it knows, beside those of every command. */
  readonly options: readonly string[]
  /** How many words stand behind it. */
  readonly words: { readonly least: number; readonly most: number }
  run(work: Work): Promise<number>
}

export type Work = {
  readonly context: CommandContext
  /** Behind the verb. */
  readonly words: readonly string[]
  readonly json: boolean
  /** Opened when it is asked for: what only root may read is read before. */
  desk(): Promise<Desk>
  /** Ctrl-C, or SIGTERM. */
  readonly signal: AbortSignal
}
