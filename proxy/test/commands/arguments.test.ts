import t from 'tap'
import { readArguments } from '../../src/commands/arguments.ts'
import { loadCommands } from '../../src/commands/index.ts'

const commands = await loadCommands()

await t.test('a command with its options', async (t) => {
  t.match(readArguments(['check', '--json', '--mode', 'dev'], commands), {
    kind: 'run',
    command: { name: 'check' },
    parsed: { values: { json: true, mode: 'dev' }, positionals: [] },
  })
})

await t.test('help and version, long and short', async (t) => {
  for (const flag of ['--help', '-h']) {
    t.strictSame(readArguments([flag], commands), { kind: 'help', command: undefined })
    t.match(readArguments(['check', '--json', flag], commands), { kind: 'help', command: { name: 'check' } })
  }
  t.strictSame(readArguments(['help'], commands), { kind: 'help', command: undefined })
  t.match(readArguments(['help', 'check'], commands), { kind: 'help', command: { name: 'check' } })
  for (const flag of ['--version', '-v']) t.strictSame(readArguments([flag], commands), { kind: 'version' })
  t.equal(readArguments([], commands), undefined)
})

const wrong: readonly (readonly [line: string, sentence: RegExp])[] = [
  ['chek', /^unknown command chek: did you mean check\? See blot-edge --help$/],
  ['help chek', /^unknown command chek: did you mean check\? See blot-edge --help$/],
  ['wrker', /^unknown command wrker: did you mean (?!worker)/],
  ['check --jso', /^unknown option --jso: did you mean --json\? See blot-edge check --help$/],
  ['check --jso=secret', /^unknown option --jso: did you mean --json\?/],
  ['check -x', /^unknown option -x: did you mean --/],
  ['dev --environment x', /^unknown option --environment: did you mean/],
  ['--versoin', /^unknown option --versoin: did you mean --version\? See blot-edge --help$/],
  ['check --mode', /^option '--mode <value>' argument missing: see blot-edge check --help$/],
  ['check --json=1', /^option '--json' does not take an argument: see blot-edge check --help$/],
  ['check all', /^unexpected argument 'all': see blot-edge check --help$/],
]
for (const [line, sentence] of wrong) {
  await t.test(`wrong usage: ${line}`, async (t) => {
    t.throws(() => readArguments(line.split(' '), commands), { code: 'EDGE_ERR_USAGE_INVALID', message: sentence })
  })
}
