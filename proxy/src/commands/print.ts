import { stripVTControlCharacters, styleText } from 'node:util'
import { codeOf, ConfigInvalid, type ConfigFault } from '../errors.ts'

/** Longest value shown of a fault, in characters. */
const maximumValue = 200

/** Rows with their columns aligned, each indented by two spaces and ended by a newline. Cells may be styled. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell))
  }
  const pad = (cell: string, column: number): string => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))
  return rows.map((row) => `  ${row.map(pad).join('  ').trimEnd()}\n`).join('')
}

function widthOf(cell: string): number {
  return stripVTControlCharacters(cell).length
}

/** Faults as an aligned list: variable, value, what would be right. */
export function renderFaults(faults: readonly ConfigFault[], stream: NodeJS.WriteStream): string {
  return alignColumns(
    faults.map(({ variable, value, message }) => [styleText('bold', variable, { stream }), printable(value), message]),
  )
}

/** The value on one line, without what could steer a terminal. */
export function printable(value: string): string {
  const short = value.length > maximumValue ? `${value.slice(0, maximumValue)}…` : value
  return (
    short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => JSON.stringify(character).slice(1, -1)) || '(unset)'
  )
}

export function countFaults(count: number): string {
  return count === 1 ? '1 fault' : `${count} faults`
}

/** What is printed when a command fails: one line, and the faults of a configuration as a list below it. */
export function renderError(error: unknown, stream: NodeJS.WriteStream): string {
  const prefix = styleText('red', 'blot-edge:', { stream })
  if (error instanceof ConfigInvalid) {
    return `${prefix} the configuration has ${countFaults(error.faults.length)} (${error.code})\n${renderFaults(error.faults, stream)}`
  }
  const message = error instanceof Error ? error.message : String(error)
  return `${prefix} ${message} (${codeOf(error)})\n`
}
