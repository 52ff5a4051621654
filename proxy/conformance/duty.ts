import type { Stage } from './stage.ts'

/** What happened instead, in a few words; undefined when it was as it should be. */
export type Fault = string | undefined

/** Something that a proxy owes to the app and to the visitor. */
export type Duty = {
  /** For the command line. */
  readonly name: string
  /** For the table, in Markdown. */
  readonly says: string
  /** May throw instead of returning a fault. */
  run(stage: Stage): Promise<Fault>
  /** Default: 8 s. For duties about time limits, which are 10 s and 15 s. */
  readonly deadlineMs?: number
  /** The app is no longer there when this runs. */
  readonly withoutApp?: true
}

/** Duties that belong together. */
export type Chapter = { readonly title: string; readonly duties: readonly Duty[] }

export const DEADLINE_MS = 8000

/** Compares what arrived with what should have. */
export function differs(what: string, found: string | readonly string[], expected: string | readonly string[]): Fault {
  if (String(found) === String(expected) && found.length === expected.length) return undefined
  return `${what} ${show(found)} instead of ${show(expected)}`
}

function show(value: string | readonly string[]): string {
  if (value.length === 0) return 'is missing'
  return typeof value === 'string' ? printable(value) : value.map(printable).join(' and ')
}

/** Bytes, as Latin-1, on one line that fits a table; those that are UTF-8 as what they mean. */
function printable(text: string): string {
  const decoded = Buffer.from(text, 'latin1').toString()
  const meant = decoded.includes('\ufffd') ? text : decoded
  const short = meant.length > 60 ? `${meant.slice(0, 60)}…` : meant
  return JSON.stringify(short).slice(1, -1).replaceAll('\\\\', '\\')
}
