import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { renderCommandHelp, renderHelp } from '../../src/commands/help.ts'
import { loadCommands } from '../../src/commands/index.ts'
import { root, runEdge } from './run-edge.ts'

const commands = await loadCommands()

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const visible = commands.filter(({ summary }) => summary !== undefined)

await t.test('--help lists what a person may call, on standard output', async (t) => {
  const { code, stdout, stderr } = await runEdge(['--help'])
  t.equal(code, 0)
  t.equal(stderr, '')
  for (const { name, summary } of visible)
    t.match(stdout, new RegExp(`^  ${name} +${summary?.replace(/[()]/g, '.')}$`, 'm'))
  t.notMatch(stdout, /^ +(worker|manager)/m)
  t.equal(stdout, renderHelp(version, commands))
})

await t.test('every command explains itself', async (t) => {
  for (const command of visible) {
    const text = renderCommandHelp(command)
    t.ok(text.startsWith(`Usage: blot-edge ${command.name} ${command.usage}\n`), text)
    t.match(text, '-h, --help')
    t.equal(text.includes('--environment FILE  '), command.name !== 'dev', 'which file is read')
  }
  const [first] = visible
  if (first === undefined) throw new Error('no command')
  t.strictSame(await runEdge([first.name, '--help']), { code: 0, stdout: renderCommandHelp(first), stderr: '' })
})

await t.test('--version is that of the package', async (t) => {
  t.strictSame(await runEdge(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

await t.test('without a command, help goes to standard error and the code is 2', async (t) => {
  const { code, stdout, stderr } = await runEdge([])
  t.equal(code, 2)
  t.equal(stdout, '')
  t.match(stderr, 'Usage: blot-edge COMMAND')
})

await t.test('wrong usage is one line on standard error, and the code is 2', async (t) => {
  for (const args of [['chek'], ['check', '--jso'], ['check', '--mode', 'prod']]) {
    const { code, stdout, stderr } = await runEdge(args)
    t.equal(code, 2)
    t.equal(stdout, '')
    t.match(stderr, /^blot-edge: [^\n]+ blot-edge (check )?--help \(EDGE_ERR_USAGE_INVALID\)\n$/)
  }
})

await t.test('a reader that left is no fault', async (t) => {
  const child = spawn(join(root, 'bin/blot-edge'), ['--help'], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
  t.equal(stderr, '')
  t.equal(code, 0)
})

await t.test('colour is for terminals', async (t) => {
  const plain = await runEdge(['chek'], { environment: { NO_COLOR: '1' } })
  const forced = await runEdge(['chek'], { environment: { FORCE_COLOR: '1' } })
  t.notOk(plain.stderr.includes('\u{1b}['))
  t.ok(forced.stderr.includes('\u{1b}['), 'it can be coloured at all')
})
