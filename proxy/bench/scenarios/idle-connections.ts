import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { withServers } from '../contest.ts'
import { HOSTS } from '../grounds.ts'
import { memoryOf } from '../machine/processes.ts'
import type { Lab, Scenario } from '../scenario.ts'
import type { Server } from '../servers/server.ts'

const FULL = 5000
const QUICK = 2000
/** What a first connection costs once is not counted. */
const WARM_UP = 100
const ROUNDS = 3
const PROGRAM = join(import.meta.dirname, '../load/programs/idle.ts')

/** Visitors whose browsers keep the connection, or whose phones fell asleep: each has had one answer. */
function idleConnections(name: string, question: string, secure: boolean): Scenario {
  return {
    name,
    question,
    async run(lab) {
      // Memory that was given back to a process's own pools hides what the next round takes: each has new servers.
      const connections = lab.quick ? QUICK : FULL
      for (let round = 1; round <= (lab.quick ? 1 : ROUNDS); round++) {
        await withServers({ name }, lab, async (servers) => {
          for (const server of servers) {
            lab.progress(`round ${round}, ${server.name}`)
            await hold(server, secure, WARM_UP, lab, () => undefined)
            const { residentBytes: before } = memoryOf(server.pid)
            await hold(server, secure, connections, lab, () => {
              const figure = (memoryOf(server.pid).residentBytes - before) / connections / 1024
              lab.record(server.name, { name: 'memory per connection', unit: 'KB' }, { figure })
            })
          }
        })
      }
    },
  }
}

export const idle = [
  idleConnections('idle-connections', 'What does an idle keep-alive connection cost?', false),
  idleConnections('idle-connections-tls', 'What does an idle keep-alive connection with TLS cost?', true),
]

/** Has many connections held open, and calls `look` while they are. */
async function hold(server: Server, secure: boolean, connections: number, lab: Lab, look: () => void): Promise<void> {
  const port = secure ? server.https : server.http
  const input = { port, tls: secure, host: HOSTS.files, connections }
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    signal: lab.signal,
  })
  child.on('error', () => undefined)
  const ended = once(child, 'exit')
  const ready = once(createInterface({ input: child.stdout }), 'line').then(() => true)
  const isReady = await Promise.race([ready, ended.then(() => false)])
  if (!isReady) throw new Error(`${server.name} did not hold ${connections} connections`)
  look()
  child.stdin.end()
  await ended
}
