import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { bindUnixListener } from '../../src/lifecycle/unix-listener.ts'

/** Short enough for a socket, as the folders of the test runner are not. */
function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'admin-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Answers on a descriptor of this process, which is its own afterwards. */
async function serve(t: Test, fd: number): Promise<void> {
  const server = createServer((_request, response) => response.end('here')).listen({ fd })
  await once(server, 'listening')
  t.teardown(() => server.close())
}

async function status(socketPath: string): Promise<number | undefined> {
  const asked = request({ socketPath, path: '/', agent: false }).end()
  const [response] = (await once(asked, 'response')) as [{ statusCode?: number; resume(): void }]
  response.resume()
  return response.statusCode
}

await t.test('a socket that a killed edge left is replaced', async (t) => {
  const path = join(folder(t), 's')
  const killed = spawn(process.execPath, ['-e', `require('net').createServer().listen('${path}', () => console.log())`])
  await once(killed.stdout, 'data')
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  t.ok(existsSync(path))
  await serve(t, (await bindUnixListener(path, undefined)).fd)
  t.equal(await status(path), 200)
  t.same(readdirSync(join(path, '..')), ['s'])
})

await t.test('a socket that answers is another edge’s', async (t) => {
  const path = join(folder(t), 's')
  await serve(t, (await bindUnixListener(path, undefined)).fd)
  await t.rejects(bindUnixListener(path, undefined), {
    code: 'EDGE_ERR_ADMIN_LISTEN_FAILED',
    message: `the admin API cannot listen on ${path} (EDGE_ADMIN): EADDRINUSE`,
  })
  t.equal(await status(path), 200)
})

await t.test('a file that is no socket is never removed', async (t) => {
  const path = join(folder(t), 'notes')
  writeFileSync(path, 'precious')
  await t.rejects(bindUnixListener(path, undefined), { code: 'EDGE_ERR_ADMIN_LISTEN_FAILED' })
  t.equal(readFileSync(path, 'utf8'), 'precious')
})

await t.test('it belongs to whoever will accept from it', { skip: process.getuid?.() !== 0 }, async (t) => {
  const path = join(folder(t), 's')
  const listener = await bindUnixListener(path, { uid: 65_534, gid: 65_534 })
  t.match(lstatSync(path), { uid: 65_534, gid: 65_534 })
  listener.close()
  t.ok(existsSync(path), 'its name stays for another process that goes on with it')
})
