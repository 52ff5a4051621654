import { alignColumns } from './print.ts'
import type { Command } from './command.ts'

/** `blot-edge --help`. */
export function renderHelp(version: string, commands: readonly Command[]): string {
  const rows = commands.flatMap(({ name, summary }) => (summary === undefined ? [] : [[name, summary]]))
  return `blot-edge ${version}: the edge server in front of Blot

Usage: blot-edge COMMAND [OPTION]…

Commands
${alignColumns(rows)}
Options
${alignColumns([
  ['-h, --help', 'this text; after a command, more about the command'],
  ['-v, --version', 'the version'],
])}
The configuration comes from the environment: "blot-edge check" shows it, docs/configuration.md explains it.
`
}

/** `blot-edge COMMAND --help`. */
export function renderCommandHelp({ name, usage, help, options }: Command): string {
  const rows = [['-h, --help', 'this text']]
  if ('environment' in options) {
    rows.unshift([
      '--environment FILE',
      'lines NAME=value that win over the environment; default /etc/blot/environment.sh',
    ])
  }
  return `Usage: ${['blot-edge', name, usage].filter(Boolean).join(' ')}

${help.trim()}

Options of every command
${alignColumns(rows)}`
}
