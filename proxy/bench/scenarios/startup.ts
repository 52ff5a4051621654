import { mkdtemp, rm } from 'node:fs/promises'
import http2 from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab, Scenario } from '../scenario.ts'
import { startCommand } from '../servers/edge.ts'

const HOST = 'garden.blot.localhost'

/** `npm start` on folders without any data, to the first page over https. */
export const startup: Scenario = {
  name: 'startup',
  question: 'How long from `npm start` to the first page over https, with nothing there yet?',
  async run(lab) {
    for (let round = 1; round <= lab.rounds; round++) {
      lab.progress(`round ${round} of ${lab.rounds}`)
      await start(lab)
    }
  },
}

async function start(lab: Lab): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'blot-edge-bench-'))
  const environment = {
    BLOT_PORT: '0',
    BLOT_CACHE_DIRECTORY: join(directory, 'cache'),
    BLOT_DATA_DIRECTORY: join(directory, 'data'),
  }
  const startedMs = performance.now()
  const command = ['npm', 'start', '--silent'] as const
  // On all cores, as for whoever tries it.
  const core = `${lab.cores.server},${lab.cores.load}`
  const edge = await startCommand({ command: [...command], core, directory, environment })
  try {
    await firstPage(edge.https)
    lab.record('edge', { name: 'first page', unit: 'ms' }, { figure: performance.now() - startedMs })
  } finally {
    await edge.stop()
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

function firstPage(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const session = http2.connect(`https://127.0.0.1:${port}`, { servername: HOST, rejectUnauthorized: false })
    session.on('error', reject)
    const stream = session.request({ ':authority': `${HOST}:${port}`, ':path': '/' })
    stream.on('response', (headers) => {
      if (headers[':status'] !== 200) reject(new Error(`the first page is ${headers[':status']}`))
    })
    stream.on('end', () => session.close(resolve))
    stream.resume()
  })
}
