import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

/** The upstream of uploads and WebSockets: it reads what it is sent, and echoes messages. `/endless` is a download without an end. */

const CHUNK = Buffer.alloc(64 * 1024, 'blot')

const server = createServer((request, response) => {
  if (request.url === '/endless') {
    const send = (): void => {
      while (response.write(CHUNK));
    }
    response.on('drain', send)
    send()
    return
  }
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => response.setHeader('Content-Type', 'text/plain').end(`${bytes}\n`))
})
server.keepAliveTimeout = 600_000

const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  socket.on('error', () => socket.terminate())
})

server.listen(Number(process.argv[2]), '127.0.0.1')
