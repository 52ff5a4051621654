import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { codeOf, UsageInvalid } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { Command, CommandContext } from './command.ts'

export type Parsed = Pick<CommandContext, 'values' | 'positionals'>

/** What a command line asks for. */
export type Request =
  | { readonly kind: 'help'; readonly command: Command | undefined }
  | { readonly kind: 'version' }
  | { readonly kind: 'run'; readonly command: Command; readonly parsed: Parsed }

const help = { help: { type: 'boolean', short: 'h' } } as const
const version = { version: { type: 'boolean', short: 'v' } } as const

/**
 * @param args without the runtime and the program.
 * @returns undefined when no command is given.
 * @throws UsageInvalid, with the nearest word that would be right.
 */
export function readArguments(args: readonly string[], commands: readonly Command[]): Request | undefined {
  const [name, ...rest] = args
  if (name === undefined) return undefined
  if (name === 'help') return readArguments([...rest.slice(0, 1), '--help'], commands)
  if (name.startsWith('-')) {
    const { values } = parse(undefined, args, { ...help, ...version })
    if (values['help'] === true) return { kind: 'help', command: undefined }
    return values['version'] === true ? { kind: 'version' } : undefined
  }
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) throw unknown('command', name, visible(commands), 'blot-edge --help')
  const parsed = parse(command, rest, { ...command.options, ...help })
  return parsed.values['help'] === true ? { kind: 'help', command } : { kind: 'run', command, parsed }
}

function visible(commands: readonly Command[]): string[] {
  return commands.filter(({ summary }) => summary !== undefined).map(({ name }) => name)
}

function parse(command: Command | undefined, args: readonly string[], options: ParseArgsOptionsConfig): Parsed {
  const hint = command === undefined ? 'blot-edge --help' : `blot-edge ${command.name} --help`
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: command?.allowPositionals ?? false })
  } catch (error) {
    if (codeOf(error) === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
      throw unknown('option', unknownOption(args, options), optionNames(options), hint)
    }
    if (!codeOf(error).startsWith('ERR_PARSE_ARGS_')) throw error
    const [sentence = ''] = (error as Error).message.split('. ')
    throw new UsageInvalid(`${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}: see ${hint}`)
  }
}

function unknown(what: string, word: string, known: readonly string[], hint: string): Error {
  return new UsageInvalid(`unknown ${what} ${word}: did you mean ${nearest(word, known)}? See ${hint}`)
}

/** Node's error names the option in its sentence only; its tokens have it as data. */
function unknownOption(args: readonly string[], options: ParseArgsOptionsConfig): string {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  const token = tokens.find((candidate) => candidate.kind === 'option' && !Object.hasOwn(options, candidate.name))
  return token?.kind === 'option' ? token.rawName : ''
}

function optionNames(options: ParseArgsOptionsConfig): string[] {
  return Object.keys(options).map((name) => `--${name}`)
}
