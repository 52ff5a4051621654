import { fastify } from 'fastify'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listenAdmin } from '../../src/lifecycle/admin-listener.ts'

/** Short enough for a socket, as the folders of the test runner are not. */
function folder(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'admin-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

function makeAdmin(t: Test): ReturnType<typeof fastify> {
  const admin = fastify().get('/', () => 'here')
  t.teardown(() => admin.close())
  return admin
}

async function status(socketPath: string): Promise<number | undefined> {
  const asked = request({ socketPath, path: '/' }).end()
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
  t.equal(await listenAdmin(makeAdmin(t), { kind: 'unix', path }), undefined)
  t.equal(await status(path), 200)
})

await t.test('a socket that answers is another edge’s', async (t) => {
  const path = join(folder(t), 's')
  await listenAdmin(makeAdmin(t), { kind: 'unix', path })
  await t.rejects(listenAdmin(makeAdmin(t), { kind: 'unix', path }), {
    code: 'EDGE_ERR_ADMIN_LISTEN_FAILED',
    message: `the admin API cannot listen on ${path} (EDGE_ADMIN): EADDRINUSE`,
  })
  t.equal(await status(path), 200)
})

await t.test('a file that is no socket is never removed', async (t) => {
  const path = join(folder(t), 'notes')
  writeFileSync(path, 'precious')
  await t.rejects(listenAdmin(makeAdmin(t), { kind: 'unix', path }), { code: 'EDGE_ERR_ADMIN_LISTEN_FAILED' })
  t.equal(readFileSync(path, 'utf8'), 'precious')
})

await t.test('a port is told, and one in use is an error that names it', async (t) => {
  const first = await listenAdmin(makeAdmin(t), { kind: 'tcp', address: '127.0.0.1', port: 0 })
  t.match(first, { name: 'admin', address: '127.0.0.1' })
  const port = first?.port ?? 0
  t.ok(port > 0)
  await t.rejects(listenAdmin(makeAdmin(t), { kind: 'tcp', address: '127.0.0.1', port }), {
    message: `the admin API cannot listen on 127.0.0.1:${port} (EDGE_ADMIN): EADDRINUSE`,
  })
})
