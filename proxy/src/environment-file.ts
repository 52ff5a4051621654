import { readFile, stat } from 'node:fs/promises'
import { ConfigInvalid, codeOf, type ConfigFault } from './errors.ts'

/** Where Blot's machines keep the environment of its services. */
export const standardEnvironmentFile = '/etc/blot/environment.sh'

const maximumBytes = 1024 * 1024

export type EnvironmentFile = {
  readonly path: string
  /** The last assignment of each name. */
  readonly assignments: ReadonlyMap<string, { readonly value: string; readonly line: number }>
}

/**
 * Reads a file of `[export] NAME=value` lines. It is parsed, never executed.
 * @param path must be there; without it the standard file is read when that is there.
 * @returns undefined when no path was given and there is no standard file.
 * @throws ConfigInvalid with every line that is no assignment, or when the file cannot be read.
 */
export async function readEnvironmentFile(
  path: string | undefined,
  standard = standardEnvironmentFile,
): Promise<EnvironmentFile | undefined> {
  const file = path ?? standard
  let content: Buffer
  try {
    if ((await stat(file)).size > maximumBytes) throw unreadable(file, `is larger than ${maximumBytes} bytes`)
    content = await readFile(file)
  } catch (error) {
    if (path === undefined && codeOf(error) === 'ENOENT') return undefined
    throw error instanceof ConfigInvalid ? error : unreadable(file, `cannot be read (${codeOf(error)})`)
  }
  try {
    return parseEnvironmentFile(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content), file)
  } catch (error) {
    throw error instanceof ConfigInvalid ? error : unreadable(file, 'is no text in UTF-8')
  }
}

function unreadable(file: string, message: string): ConfigInvalid {
  return new ConfigInvalid([{ variable: '--environment', value: file, message }])
}

/** @throws ConfigInvalid with every line that is no assignment. */
export function parseEnvironmentFile(text: string, path: string): EnvironmentFile {
  const assignments = new Map<string, { value: string; line: number }>()
  const faults: ConfigFault[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const assignment = parseLine(line)
    if (assignment === undefined) continue
    // The line is not repeated: it may hold a secret.
    if (typeof assignment === 'string')
      faults.push({ variable: `${path}:${index + 1}`, value: '', message: assignment })
    else assignments.set(assignment.name, { value: assignment.value, line: index + 1 })
  }
  if (faults.length > 0) throw new ConfigInvalid(faults)
  return { path, assignments }
}

/** The parts a value is made of; what the shell would expand or execute is in none of them (POSIX shell, 2.2 and 2.6). */
const parts = /'(?<single>[^']*)'|"(?<double>(?:[^"\\$`]|\\.)*)"|(?<bare>[^\s'"\\$`;&|<>()~*?[\]{}]+)/y

/** @returns an assignment, undefined for a line without one, or what is wrong with the line. */
function parseLine(line: string): { name: string; value: string } | undefined | string {
  if (/^\s*(#.*)?$/.test(line)) return undefined
  if (line.endsWith('\r')) return 'ends with a carriage return: save the file with Unix line ends'
  const [head = '', name] = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=/.exec(line) ?? []
  if (name === undefined) return 'must be NAME=value, with export before it or not, or a comment'
  const { value, end } = parseValue(line, head.length)
  if (/^([ \t]+(#.*)?)?$/.test(line.slice(end))) return { name, value }
  return `has a value of ${name} that a shell would expand or execute, or more than one word: write it in single quotes`
}

function parseValue(line: string, start: number): { value: string; end: number } {
  const pattern = new RegExp(parts)
  pattern.lastIndex = start
  let value = ''
  let end = start
  for (let part = pattern.exec(line); part !== null; part = pattern.exec(line)) {
    const { single, double, bare } = part.groups ?? {}
    value += single ?? bare ?? double?.replace(/\\([\\"$`])/g, '$1') ?? ''
    end = pattern.lastIndex
  }
  return { value, end }
}
