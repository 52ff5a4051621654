import { startApp } from './app.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { hasCode } from './files.ts'
import { createLog } from './log.ts'

await main()

async function main(): Promise<void> {
  const config = readEnvironment()
  const log = createLog(config)
  try {
    const app = await startApp(config, log)
    let stopping: Promise<void> | undefined
    const stop = async (reason: string): Promise<void> => {
      log.info({ reason }, 'draining')
      await app.close()
      log.info('stopped')
      process.exit(0)
    }
    const stopOnce = (reason: string): void => {
      stopping ??= stop(reason)
    }
    process.on('SIGTERM', stopOnce)
    process.on('SIGINT', stopOnce)
    // A parent that is gone cannot tell us to stop.
    process.on('disconnect', () => stopOnce('disconnect'))
    process.send?.({ type: 'listening', port: app.port })
  } catch (error) {
    if (!hasCode(error, 'EADDRINUSE', 'EACCES')) throw error
    fail(
      `BLOT_PORT=${config.port} cannot be opened: ${error instanceof Error ? error.message : ''}. Choose another one.`,
    )
  }
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
