import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Resolver } from 'node:dns/promises'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { readConfig } from '../../../blot-app/src/config.ts'
import { inspectConfig } from '../../src/config.ts'
import { parseEnvironmentFile } from '../../src/environment-file.ts'
import { edgeChannel, type EdgeEvents } from '../../src/events.ts'
import { createLog, logEvents } from '../../src/log.ts'
import { runProgram } from '../commands/run-edge.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { freePort } from '../store/redis-server.ts'
import { fullPath, ops } from './scripts.ts'

const folder = join(ops, 'environment')
const isRoot = process.getuid?.() === 0

await t.test('the template needs two values, and is the same to the edge, to a shell and to the app', async (t) => {
  const directory = temporaryDirectory(t)
  const template = readFileSync(join(folder, 'environment.sh'), 'utf8')
  const inspect = (text: string): ReturnType<typeof inspectConfig> =>
    inspectConfig({
      mode: 'run',
      directory: '/',
      environment: {},
      defaults: {},
      file: parseEnvironmentFile(text, 'environment.sh'),
    })
  t.strictSame(
    inspect(template).faults.map(({ variable }) => variable),
    ['BLOT_HOST', 'EDGE_ACME_EMAIL'],
  )
  const filled = template.replace('BLOT_HOST=', 'BLOT_HOST=blot.example').replace('EMAIL=', 'EMAIL=a@blot.example')
  t.match(inspect(filled), {
    faults: [],
    config: { host: 'blot.example', user: 'blot-edge', cacheDirectory: '/cache' },
  })

  // Every line that is a comment only because it needs a value is right once it has one.
  const complete = filled.replaceAll(/^# export /gm, 'export ')
  t.strictSame(inspect(complete).faults, [])

  const path = join(directory, 'environment.sh')
  writeFileSync(path, filled)
  const shell = await runProgram('sh', ['-euc', '. "$1"; env -0', 'sh', path])
  t.match(shell, { code: 0, stderr: '' })
  const sourced = new Map(
    shell.stdout.split('\0').map((pair) => [pair.replace(/=[^]*/, ''), pair.replace(/^[^=]*=/, '')]),
  )
  for (const [name, { value }] of parseEnvironmentFile(filled, path).assignments)
    t.equal(sourced.get(name), value, name)

  const app = Object.fromEntries([...sourced].filter(([name]) => name !== 'BLOT_BLOGS_DIRECTORY'))
  t.match(readConfig(app), { host: 'blot.example', cacheDirectory: '/cache', production: true })
})

await t.test(
  'logs are turned over beneath a process that keeps its file open',
  { skip: !isRoot && 'not root' },
  async (t) => {
    const directory = temporaryDirectory(t)
    const config = join(directory, 'logrotate.conf')
    const log = join(directory, 'edge.log')
    writeFileSync(config, readFileSync(join(folder, 'logrotate.conf'), 'utf8').replace('/var/log/blot', directory), {
      mode: 0o644,
    })
    const file = openSync(log, 'a')
    t.teardown(() => closeSync(file))
    writeSync(file, 'yesterday\n')
    const ran = await runProgram('logrotate', ['--force', '--state', join(directory, 'state'), config], {
      environment: { PATH: fullPath },
    })
    t.match(ran, { code: 0, stderr: '' })
    writeSync(file, 'today\n')
    t.equal(readFileSync(log, 'utf8'), 'today\n')
    t.equal(gunzipSync(readFileSync(`${log}.1.gz`)).toString(), 'yesterday\n')
  },
)

const request: EdgeEvents['request'] = {
  method: 'GET',
  scheme: 'https',
  host: 'customer.example',
  target: '/',
  version: '2.0',
  status: 404,
  bytes: 1234,
  durationMs: 0.412,
  cache: undefined,
  upstream: 'http://127.0.0.1:8080',
  requestId: 'a1',
  address: '203.0.113.1',
  reason: undefined,
  aborted: false,
  userAgent: undefined,
  referrer: undefined,
}

/** The lines that the edge writes for these requests. */
function logLines(t: Test, events: readonly Partial<EdgeEvents['request']>[]): string {
  let text = ''
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  t.teardown(logEvents(createLog({ format: 'json', destination })))
  for (const event of events) edgeChannel('request').publish({ ...request, ...event })
  return text
}

await t.test('fail2ban counts scanners, and nobody who only asks for much or for what is missing', async (t) => {
  const directory = temporaryDirectory(t)
  const log = join(directory, 'edge.log')
  const forged = '","status":404,"address":"192.0.2.66'
  const counted = [
    { target: '/.env', address: '203.0.113.2' },
    { target: '/.git/config?x="y"', address: '2001:db8::3', status: 400, cache: 'MISS' as const },
    { target: '/wp-login.php', method: 'POST', host: forged, address: '203.0.113.4', userAgent: forged, aborted: true },
    {
      method: '-',
      host: '',
      target: '',
      status: 400,
      address: '203.0.113.5',
      reason: 'Parse Error: "x"',
      aborted: true,
    },
  ]
  const notCounted = [
    { target: '/missing' },
    { target: '/notes/.env' },
    { target: '/.environment', status: 200 },
    { target: '/wp-login.php', status: 200 },
    { target: `/a${forged}/.env`, userAgent: '/.env' },
    { host: `x","target":"/.env${forged}`, status: 404 },
    { method: '-', host: '', target: '', status: 408, aborted: true },
    { status: 429 },
    { status: 503, target: '/.env' },
  ]
  writeFileSync(log, logLines(t, [...counted, ...notCounted]))
  const filter = join(folder, 'fail2ban/filter.conf')
  const ran = await runProgram('fail2ban-regex', ['--out', 'row', log, filter], { environment: { PATH: fullPath } })
  // ['203.0.113.2',  1767323045.678,  {…}],
  const rows = [...ran.stdout.matchAll(/^\['([^']+)',\s+([\d.]+)/gm)].map(([, address, time]) => [
    address,
    Number(time),
  ])
  const lines = readFileSync(log, 'utf8').split('\n', counted.length)
  const times = lines.map((line) => (JSON.parse(line) as { time: number }).time / 1000)
  t.strictSame(
    rows,
    counted.map(({ address }, i) => [address, times[i]]),
    ran.stderr,
  )
  const jail = readFileSync(join(folder, 'fail2ban/jail.conf'), 'utf8')
  t.match(jail, /^filter = blot-edge$/m)
})

await t.test('every kernel setting is one of this kernel', (t) => {
  const lines = readFileSync(join(folder, 'sysctl.conf'), 'utf8').split('\n')
  const settings = lines.filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of settings) {
    const [name = '', value = ''] = line.split(' = ')
    t.match(value, /^\d+( \d+)?$/, line)
    t.ok(existsSync(`/proc/sys/${name.replaceAll('.', '/')}`), line)
  }
  t.ok(settings.includes('vm.overcommit_memory = 1'))
  t.end()
})

await t.test('with the snippet for dnsmasq, every name below blot.development is this machine', async (t) => {
  const port = await freePort()
  const flags = ['--keep-in-foreground', `--port=${port}`, '--no-resolv']
  const others = ['--no-hosts', '--log-facility=-', '--user=', `--conf-file=${join(folder, 'dnsmasq.conf')}`]
  const child = spawn('dnsmasq', [...flags, ...others, '--pid-file'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: fullPath },
  })
  t.teardown(async () => {
    child.kill()
    await once(child, 'exit')
  })
  await once(child.stderr, 'data')
  const resolver = new Resolver()
  resolver.setServers([`127.0.0.1:${port}`])
  t.strictSame(await resolver.resolve4('garden.blot.development'), ['127.0.0.1'])
  t.strictSame(await resolver.resolve6('preview-x.blot.development'), ['::1'])
  await t.rejects(resolver.resolve4('blot.example'))
})
