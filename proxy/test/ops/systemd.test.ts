import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root, runProgram } from '../commands/run-edge.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { ops } from './scripts.ts'

// Where systemd finds our units: as they are, but for a release in this checkout.
const directory = temporaryDirectory(t)
const units = join(directory, 'units')
cpSync(join(ops, 'systemd'), units, { recursive: true })
const names = readdirSync(units).filter((name) => /\.(service|socket)$/.test(name))
for (const name of names) {
  const path = join(units, name)
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('/opt/blot-edge/current', root))
}
mkdirSync(join(directory, 'root'))
const environment = { SYSTEMD_UNIT_PATH: `${units}:`, SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' }

function analyze(...args: string[]): ReturnType<typeof runProgram> {
  return runProgram('systemd-analyze', args, { environment })
}

await t.test('systemd reads every unit without a word', async (t) => {
  const asked = names.map((name) => name.replace('@.', '@8080.'))
  const verified = await analyze('verify', '--man=no', '--recursive-errors=no', ...asked, 'redis-server.service')
  t.strictSame(verified, { code: 0, stdout: '', stderr: '' })
})

await t.test('edge and app can do little beyond their work', async (t) => {
  // From 0 (nothing) to 10 (everything). What counts against them is the network, and the machine code that V8 writes.
  for (const [unit, limit] of [
    ['blot-edge.service', 1.4],
    ['blot-app@8080.service', 1.6],
  ] as const) {
    const { stdout } = await analyze('security', '--offline=true', '--json=off', unit)
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])
    t.ok(exposure <= limit, `${unit}: ${exposure}`)
  }
})

await t.test('neither is ever root, and neither leaves a core dump', (t) => {
  for (const name of ['blot-edge.service', 'blot-app@.service']) {
    const text = readFileSync(join(units, name), 'utf8')
    t.match(text, /^User=blot(-edge)?$/m, name)
    t.match(text, /^LimitCORE=0$/m, name)
    t.notMatch(text, /^MemoryDenyWriteExecute=/m, 'V8 would not start')
    t.notMatch(text, /^EnvironmentFile=\/etc/m, 'the edge reads its file itself, and the app gets none of its secrets')
  }
  t.end()
})
