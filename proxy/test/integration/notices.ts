import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

const RECEIVER = `
import os, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
receiver.bind(sys.argv[1])
print('bound', flush=True)
while True:
    message, control, flags, address = receiver.recvmsg(4096, 64)
    pid = int.from_bytes(control[0][2][:4], sys.byteorder)
    for line in message.decode().split('\\n'):
        print(pid, line, flush=True)
`

export type Told = { readonly pid: number; readonly line: string }

/** A real datagram socket, and the lines that come, each with the process that the kernel says sent it. */
export async function listenForNotices(
  t: Test,
  path: string,
): Promise<(test: (told: Told) => boolean) => Promise<Told>> {
  const receiver = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => receiver.kill())
  const told: Told[] = []
  const watchers = new Set<() => void>()
  const bound = Promise.withResolvers<void>()
  createInterface({ input: receiver.stdout }).on('line', (text) => {
    if (text === 'bound') return bound.resolve()
    told.push({ pid: Number(text.split(' ')[0]), line: text.slice(text.indexOf(' ') + 1) })
    for (const watch of watchers) watch()
  })
  await bound.promise
  let seen = 0
  // In their order: each is found once.
  return (test) =>
    new Promise((resolve) => {
      const watch = (): void => {
        const at = told.findIndex((one, i) => i >= seen && test(one))
        const found = told[at]
        if (found === undefined) return
        seen = at + 1
        watchers.delete(watch)
        resolve(found)
      }
      watchers.add(watch)
      watch()
    })
}
