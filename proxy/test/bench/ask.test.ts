import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ask, assertAgreement, type Answer } from '../../bench/ask.ts'
import type { Contestant, Server } from '../../bench/servers/server.ts'

const REQUESTS = {
  via: 'http',
  urls: [{ host: 'files.bench.test', path: '/page' }],
  status: 200,
  connections: 1,
} as const

async function answerOf(t: Test, listener: RequestListener): Promise<Answer> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const target: Server = { name: 'edge', pid: 0, http: port, https: 0, logFile: '', stop: () => Promise.resolve() }
  return ask(target, REQUESTS)
}

function compare(edge: Answer, nginx: Answer): void {
  assertAgreement(
    new Map<Contestant, Answer>([
      ['edge', edge],
      ['nginx', nginx],
    ]),
  )
}

await t.test('servers agree when a client could not tell their answers apart', async (t) => {
  const one = await answerOf(t, (request, response) => {
    t.match(request.headers.host, /^files\.bench\.test:\d+$/)
    response.setHeader('Content-Type', 'text/html; charset=utf-8').end('page')
  })
  const other = await answerOf(t, (_, response) => response.setHeader('Content-Type', 'text/html').end('page'))
  t.doesNotThrow(() => compare(one, other), 'about the charset they may differ')
})

await t.test('says who differs in what', async (t) => {
  const page = await answerOf(t, (_, response) => response.end('page'))
  const other = await answerOf(t, (_, response) => response.end('pagf'))
  t.throws(() => compare(page, other), /^body differs: edge has/)
  const missing = await answerOf(t, (_, response) => response.writeHead(404).end('page'))
  t.throws(() => compare(page, missing), { message: 'status differs: edge has 200, nginx has 404' })
  const encoded = await answerOf(t, (_, response) => response.setHeader('Content-Encoding', 'gzip').end('page'))
  t.throws(() => compare(page, encoded), /^content-encoding differs/)
})
