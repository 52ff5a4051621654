import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root, runEdge } from '../commands/run-edge.ts'
import { startEdge, temporaryDirectory } from './edge.ts'
import { visit } from './visitor.ts'

const directory = temporaryDirectory(t)
const ADMIN_TOKEN = 'a-token-that-nobody-else-has'
const environment = { EDGE_ADMIN_TOKEN: ADMIN_TOKEN, EDGE_WORKERS: '2' }
const args = ['dev', '--upstream', 'http://127.0.0.1:9', '--host', 'app.localhost']
const edge = await startEdge(t, { args, directory, environment })
await visit({ port: edge.https, host: 'app.localhost' })
await visit({ port: edge.https, host: 'stranger.example' })

function childrenOf(pid: number): number[] {
  const direct = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
  return direct.flatMap((child) => [child, ...childrenOf(child)])
}
const pids = [edge.process.pid ?? 0, ...childrenOf(edge.process.pid ?? 0)]

await t.test('no process of the edge writes a core dump', async (t) => {
  t.ok(pids.length >= 4, 'primary, manager and two workers')
  for (const pid of pids) t.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m)
})

await t.test('neither ps nor the log nor an environment holds a secret', async (t) => {
  const folder = join(directory, 'edge/store/certificates')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'))
  const secrets = files.map((file) => {
    const { privateKeyPem } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { privateKeyPem: string }
    return privateKeyPem.split('\n')[1] ?? ''
  })
  secrets.push(readFileSync(join(directory, 'edge/local-ca/root-key.pem'), 'utf8').split('\n')[1] ?? '', 'PRIVATE KEY')
  t.ok(secrets.length >= 3 && secrets.every((secret) => secret.length > 8))
  const shown = pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  const environments = pids.slice(1).map((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8'))
  const everything = [...shown, ...environments, JSON.stringify(edge.log), edge.errors()].join('\n')
  for (const secret of [...secrets, ADMIN_TOKEN]) t.notOk(everything.includes(secret))
})

await t.test('check tells whether core dumps are off, also of the edge that runs', async (t) => {
  const pidFile = join(directory, 'edge.pid')
  const check = async (pid: number | undefined): Promise<unknown> => {
    execFileSync('sh', ['-c', `echo ${pid} > ${pidFile}`])
    const settings = { BLOT_HOST: 'blot.example', EDGE_PID_FILE: pidFile, EDGE_STORE: `file:${directory}/other` }
    const { stdout } = await runEdge(['check', '--json', '--environment', '/dev/null'], { environment: settings })
    const { checks } = JSON.parse(stdout) as { checks: { variable: string }[] }
    return checks.find(({ variable }) => variable === 'core dumps')
  }
  t.match(await check(edge.process.pid), { ok: true, message: /^are off in the running edge/ })
  const other = spawn('prlimit', ['--core=4096:unlimited', 'sleep', '60'])
  t.teardown(() => other.kill())
  await once(other, 'spawn')
  const limits = (): string => readFileSync(`/proc/${other.pid}/limits`, 'utf8')
  while (!/core file size +4096/.test(limits())) await new Promise((resolve) => setImmediate(resolve))
  t.match(await check(other.pid), { ok: false, message: /are on in the running edge .* private keys/ })
})

await t.test('whoever goes around the launcher has none either', async (t) => {
  const program =
    'import("' +
    join(root, 'proxy/src/lifecycle/core-dumps.ts') +
    '").then(({ forbidCoreDumps, readCoreLimit }) => console.log(forbidCoreDumps(), readCoreLimit(process.pid)))'
  const output = execFileSync('prlimit', ['--core=4096:4096', process.execPath, '--eval', program], {
    encoding: 'utf8',
  })
  t.equal(output, 'true 0\n')
})
