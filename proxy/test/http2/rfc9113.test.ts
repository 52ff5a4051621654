import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { controlRows } from './control-rows.ts'
import { framingRows } from './framing-rows.ts'
import { messageRows } from './message-rows.ts'
import { HOST, type Row } from './row.ts'
import { streamRows } from './stream-rows.ts'
import { openWire } from './wire.ts'

const origin = createServer((request, response) => {
  if (request.url === '/hold') return
  request.resume()
  request.on('end', () => response.end(JSON.stringify(request.headers)))
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
t.teardown(() => {
  origin.close()
  origin.closeAllConnections()
})
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--host', HOST],
  directory: temporaryDirectory(t),
})
const options = { port: edge.https, host: HOST, ca: edge.ca }

const tables: readonly (readonly [string, readonly Row[]])[] = [
  ['frames', framingRows],
  ['streams', streamRows],
  ['types of frames', controlRows],
  ['requests', messageRows],
]
for (const [name, rows] of tables) {
  await t.test(`RFC 9113: ${name}`, async (t) => {
    for (const { rule, send, expect, node, stream } of rows) {
      const wire = await openWire(options)
      let result
      try {
        if (typeof send === 'function') await send(wire)
        else wire.send(...send)
        result = await wire.outcome(stream)
      } catch (error) {
        result = String(error)
      }
      wire.destroy()
      t.equal(result, node ?? expect, node === undefined ? rule : `${rule} (a fault of Node)`)
    }
  })
}
