import { createRequire } from 'node:module'
import { styleText } from 'node:util'
import type { DestinationStream } from 'pino'
import { accessLine, type AccessFields } from './access.ts'

/** Where lines go: any writable stream. A terminal says whether it has colours. */
export type Terminal = DestinationStream & { hasColors?(): boolean }

/**
 * Turns pino's JSON lines into lines for people, at once: nothing is lost when the process ends. pino-pretty leaves control
 * characters out; access lines spell them.
 */
export function prettyStream(terminal: Terminal): DestinationStream {
  // Loaded only where people watch: its thirty modules are a burden to each process.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
  const colours = terminal.hasColors?.() ?? false
  const pretty = prettyFactory({
    colorize: colours,
    translateTime: 'SYS:HH:MM:ss',
    ignore: 'pid,area',
    singleLine: true,
  })
  return {
    write(line) {
      const entry: { area?: string } = JSON.parse(line)
      if (!isAccess(entry)) {
        terminal.write(pretty(entry))
        return
      }
      const time = `[${new Date(entry.time).toTimeString().slice(0, 8)}]`
      const shown = colours ? styleText('dim', time, { validateStream: false }) : time
      terminal.write(`${shown} ${accessLine(entry, colours)}\n`)
    },
  }
}

type AccessEntry = AccessFields & { area: 'access'; time: number }

function isAccess(entry: { area?: string }): entry is AccessEntry {
  return entry.area === 'access'
}
