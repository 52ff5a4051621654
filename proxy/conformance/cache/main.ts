import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { writeBetweenMarks } from '../document.ts'
import { installMissing } from '../install.ts'
import { findFreePort } from '../proxies/launch.ts'
import { withVersion } from '../versions.ts'
import { CACHES, startCache, type CacheName } from './caches.ts'
import type { Played } from './play.ts'
import { fetchSuite, loadSuites } from './suite.ts'
import { renderMarkdown, renderTerminal, surprises } from './report.ts'

const DOCUMENT = join(import.meta.dirname, '../../../docs/cache.md')
const HELP = `npm run conformance -- cache [OPTION]…

Plays the public suite for HTTP caches on the edge and, side by side, on NGINX and Varnish; exit code 1 when the edge does not meet a
requirement or an optimisation that is not among its departures (cache/departures.ts), or meets one that is.

  --cache NAME   only this one (${CACHES.join(', ')}); may be repeated
  --write        updates the table in docs/cache.md
  -h, --help     this text
`
const START_MS = 20_000

/** `npm run conformance -- cache`. @returns the exit code. */
export async function playCaches(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h' },
      cache: { type: 'string', multiple: true },
      write: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(HELP)
    return 0
  }
  const caches = CACHES.filter((name) => values.cache === undefined || values.cache.includes(name))
  const mend = installMissing(caches)
  if (mend !== undefined) {
    process.stderr.write(`A cache to compare with is not installed. As root: ${mend}\n`)
    return 1
  }
  const folder = fetchSuite()
  const played = new Map<CacheName, Played>()
  for (const name of caches) played.set(name, await play(name, folder))
  const outcome = {
    suites: await loadSuites(folder),
    played,
    titles: new Map(caches.map((name) => [name, withVersion(name)])),
  }
  process.stdout.write(renderTerminal(outcome))
  if (values.write === true) await writeBetweenMarks(DOCUMENT, renderMarkdown(outcome))
  const found = surprises(outcome)
  for (const surprise of found) process.stderr.write(`${surprise}\n`)
  return found.length > 0 ? 1 : 0
}

async function play(name: CacheName, folder: string): Promise<Played> {
  const directory = mkdtempSync(join(tmpdir(), 'blot-edge-cache-'))
  // Workers that gave root up must get in.
  chmodSync(directory, 0o755)
  const app = await findFreePort()
  const server = spawn(process.execPath, ['server/server.mjs'], {
    cwd: folder,
    stdio: 'ignore',
    env: { npm_config_protocol: 'http', npm_config_port: String(app), npm_config_pidfile: join(directory, 'app.pid') },
  })
  try {
    await answering(app)
    const cache = await startCache(name, join(directory, name), app)
    try {
      const player = fork(join(import.meta.dirname, 'play.ts'), [folder, String(cache.port)])
      const [results] = (await once(player, 'message')) as [Played]
      return results
    } finally {
      await cache.stop()
    }
  } finally {
    server.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function answering(port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MS
  while (performance.now() < deadlineMs) {
    const socket = connect(port, '127.0.0.1')
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    socket.destroy()
    if (isThere) return
    await sleep(50)
  }
  throw new Error('the app of the suite does not serve')
}
