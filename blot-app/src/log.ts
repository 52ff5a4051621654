import { pino, type Logger } from 'pino'

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>

/** JSON lines on standard output; a terminal outside production gets them readable. */
export function createLog(options: { readonly production: boolean }): Logger {
  const pretty = !options.production && process.stdout.isTTY
  return pino({
    name: 'blot-app',
    redact: ['req.headers.authorization', 'req.headers.cookie'],
    ...(pretty ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname', singleLine: true } } } : {}),
  })
}
