import { once } from 'node:events'
import { WebSocket } from 'ws'
import { contest } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import { websocketEcho } from '../load/websocket.ts'
import type { Server } from '../servers/server.ts'

export const websocket = contest({
  name: 'websocket',
  question: 'What does a WebSocket message of 1 KB cost, to the app and back?',
  per: 'message',
  upstream: 'echo',
  async check(servers) {
    for (const server of servers) await checkEcho(server)
  },
  loads: () => [websocketEcho(HOSTS.app)],
})

async function checkEcho({ name, http }: Server): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${http}/echo`, { headers: { host: HOSTS.app } })
  await once(socket, 'open')
  for (const message of ['first', 'second']) {
    socket.send(message)
    const [echo] = (await once(socket, 'message')) as [Buffer]
    if (echo.toString() !== message) throw new Error(`${name} echoed ${echo.toString()}, not ${message}`)
  }
  socket.terminate()
}
