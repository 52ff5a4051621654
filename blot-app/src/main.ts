import { startApp, type RunningApp } from './app.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { hasCode } from './files.ts'
import { createLog, type Log } from './log.ts'

await main()

async function main(): Promise<void> {
  const config = readEnvironment()
  const log = createLog(config)
  // Until the app runs there is nothing to drain.
  let stop = (_reason: string): void => process.exit(0)
  process.on('SIGTERM', (signal) => stop(signal))
  process.on('SIGINT', (signal) => stop(signal))
  // A parent that is gone cannot tell us to stop.
  process.on('disconnect', () => stop('disconnect'))
  try {
    const app = await startApp(config, log)
    let stopping: Promise<void> | undefined
    stop = (reason) => {
      // A second signal is from somebody who cannot wait; a parent that is gone was the edge.
      if (stopping !== undefined || reason === 'disconnect') app.hurry()
      stopping ??= drain(app, reason, log)
    }
    process.send?.({ type: 'listening', port: app.port })
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE', 'EACCES')) throw error
    fail(
      `BLOT_PORT=${config.port} cannot be opened: ${error instanceof Error ? error.message : ''}. Choose another one.`,
    )
  }
}

async function drain(app: RunningApp, reason: string, log: Log): Promise<void> {
  log.info({ reason }, 'draining')
  await app.leave()
  await app.close()
  log.info('stopped')
  process.exit(0)
}

function readEnvironment(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (error instanceof ConfigError) return fail(error.message)
    throw error
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
