import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium } from 'playwright-core'
import t from 'tap'
import { WebSocketServer } from 'ws'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { HOST } from './row.ts'

const origin = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><link rel="icon" href="data:,">')
})
const webSockets = new WebSocketServer({ server: origin, perMessageDeflate: true })
webSockets.on('connection', (socket) => {
  socket.on('message', (text: Buffer) => socket.send(`heard ${text.length}`))
})
origin.listen(0, '127.0.0.1')
await once(origin, 'listening')
const edge = await startEdge(t, {
  args: ['dev', '--upstream', `http://127.0.0.1:${(origin.address() as AddressInfo).port}`, '--host', HOST],
  directory: temporaryDirectory(t),
})
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
})
t.teardown(async () => {
  await browser.close()
  webSockets.close()
  origin.close()
  origin.closeAllConnections()
})

await t.test('Chromium puts its WebSocket into the HTTP/2 connection that is there', async (t) => {
  // Whether the local CA is trusted is another test's question.
  const page = await browser.newPage({ ignoreHTTPSErrors: true })
  await page.goto(`https://${HOST}:${edge.https}/`)
  const heard = await page.evaluate(`new Promise((resolve, reject) => {
    const socket = new WebSocket('wss://' + location.host + '/socket')
    socket.onopen = () => socket.send('x'.repeat(100000))
    socket.onerror = reject
    socket.onmessage = ({ data }) => { socket.onclose = ({ code }) => resolve([data, code]); socket.close(1000) }
  })`)
  t.same(heard, ['heard 100000', 1000])
  const line = await edge.logged(({ target }) => target === '/socket')
  t.match(line, { version: '2.0', status: 200 })
  t.notOk(line['aborted'])
})
