import http2 from 'node:http2'
import { startBenchedEdge } from '../edge.ts'
import type { Scenario } from '../scenario.ts'

const RUNS = 5
const HOST = 'garden.blot.localhost'

/** `npm start` on folders without any data, to the first page over https. */
export const startup: Scenario = {
  name: 'startup',
  question: 'How long from `npm start` to the first page over https, with nothing there yet?',
  async run(report) {
    for (let i = 0; i < RUNS; i++) {
      const startedMs = performance.now()
      const edge = await startBenchedEdge('npm', ['start', '--silent'])
      await firstPage(edge.https)
      report.sample('first page', performance.now() - startedMs, 'ms')
      await edge.stop()
    }
  },
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
