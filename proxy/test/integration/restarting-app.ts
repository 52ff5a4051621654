import { appendFileSync } from 'node:fs'
import http from 'node:http'
import { Departure } from '../../../blot-app/src/server/departure.ts'

/**
 * An app that is killed and started again: `node restarting-app.ts PORT FILE`. Each request but a check is a line in FILE,
 * written before its answer, whatever becomes of that. It goes as blot-app goes.
 */
const [, , port, file = ''] = process.argv
const departure = new Departure()

const server = http.createServer((request, response) => {
  if (departure.isLeaving) response.setHeader('connection', 'close')
  if (request.url === '/health') {
    departure.asked('the edge')
    if (departure.isLeaving) response.writeHead(503, { 'retry-after': '1' })
    response.end()
    return
  }
  request.resume()
  request.once('end', () => {
    appendFileSync(file, `${request.method} ${request.url}\n`)
    response.setHeader('cache-control', request.url?.startsWith('/page') === true ? 'max-age=1' : 'no-store')
    response.end(`${request.method} ${request.url}`)
  })
})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('listening\n'))

process.once('SIGTERM', () => {
  void departure.begin().then(() => {
    server.close(() => process.exit(0))
    setInterval(() => server.closeIdleConnections(), 20)
  })
})
