import { stripVTControlCharacters, styleText } from 'node:util'
import { AdminRefused, codeOf, ConfigInvalid, type ConfigFault } from '../errors.ts'

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
  return visible(short) || '(unset)'
}

/** Without what could steer a terminal. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => JSON.stringify(character).slice(1, -1))
}

/** The two largest units: `3 d 4 h`, `2 min 5 s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const amounts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const
  const first = amounts.findIndex(([amount]) => amount > 0)
  return amounts
    .slice(first === -1 ? -1 : first)
    .slice(0, 2)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

/** `812 B`, `12.3 KB`, `4.0 MB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const isLarge = bytes >= 1024 ** 2
  return `${(bytes / 1024 ** (isLarge ? 2 : 1)).toFixed(1)} ${isLarge ? 'MB' : 'KB'}`
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
  // The edge's own words end with a code that tells more.
  const isCoded = error instanceof AdminRefused && /\([A-Z]+_ERR_\w+\)$/.test(message)
  return `${prefix} ${message}${isCoded ? '' : ` (${codeOf(error)})`}\n`
}
