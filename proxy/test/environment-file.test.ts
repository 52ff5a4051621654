import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parseEnvironmentFile, readEnvironmentFile } from '../src/environment-file.ts'
import { ConfigInvalid } from '../src/errors.ts'

function valuesOf(text: string): Record<string, string> {
  const { assignments } = parseEnvironmentFile(text, 'f')
  return Object.fromEntries([...assignments].map(([name, { value }]) => [name, value]))
}

/** The lines that are faulty, as `f:1`. */
function faultyLines(text: string): string[] {
  try {
    parseEnvironmentFile(text, 'f')
    return []
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.faults.map(({ variable }) => variable)
  }
}

await t.test('assignments, as a shell would read them', async (t) => {
  const text = [
    '# Blot',
    '',
    'A=plain',
    'export B=exported',
    '  export   C=indented   ',
    "D='single $HOME `x` \\ \" # ;'",
    'E="double \\"quoted\\" \\\\ \\$HOME \\n \'"',
    'F=one\'two\'"three"',
    'G=value # comment',
    "H='value'\t#comment",
    'I=',
    "J=''",
    'K=redis://:p@10.0.0.5:6379/0',
    'L=a#b',
    'A=again',
  ].join('\n')
  t.strictSame(valuesOf(text), {
    A: 'again',
    B: 'exported',
    C: 'indented',
    D: 'single $HOME `x` \\ " # ;',
    E: 'double "quoted" \\ $HOME \\n \'',
    F: 'onetwothree',
    G: 'value',
    H: 'value',
    I: '',
    J: '',
    K: 'redis://:p@10.0.0.5:6379/0',
    L: 'a#b',
  })
})

await t.test('the line of the last assignment is known', async (t) => {
  t.strictSame(parseEnvironmentFile('A=1\n\nA=2', 'f').assignments.get('A'), { value: '2', line: 3 })
})

await t.test('what a shell would expand or execute is an error with its line', async (t) => {
  const wrong = [
    'A=$HOME',
    'A="$HOME"',
    'A=$(id)',
    'A="`id`"',
    'A=`id`',
    'A=1; id',
    'A=1 && id',
    'A=1 | id',
    'A=1 B=2',
    'A=1 id',
    'A=(1 2)',
    'A=~/x',
    'A=x:~',
    'A=*',
    'A={1,2}',
    'A=\\x',
    'A=x\\',
    'A=<x',
    "A='open",
    'A="open',
    'A = 1',
    'A= 1',
    'export A',
    'export -n A=1',
    'set -a',
    'source other.sh',
    'id',
    '1A=1',
    'A-B=1',
    'A+=1',
    'A=1\r',
    '\uFEFFA=1',
    'if true; then',
  ]
  for (const line of wrong) t.strictSame(faultyLines(`X=1\n${line}\nY=2`), ['f:2'], JSON.stringify(line))
  t.strictSame(faultyLines(wrong.join('\n')).length, wrong.length, 'all at once')
})

await t.test('a faulty line is not repeated: it may hold a secret', async (t) => {
  try {
    parseEnvironmentFile('EDGE_ADMIN_TOKEN=hunter2;x', 'f')
    t.fail('should be refused')
  } catch (error) {
    t.match(String(error), 'EDGE_ADMIN_TOKEN')
    t.notMatch(String(error), 'hunter2')
  }
})

await t.test('a real shell reads the same values', async (t) => {
  const file = join(t.testdir(), 'environment.sh')
  const text = `A=plain\nexport B='a $b "c" \\'\nC="d \\"e\\" \\$f \\\\ \\g" # x\nD=1'2'"3"\nE=a#b\nF=#x\nG='y'#z\n`
  writeFileSync(file, text)
  const script = `. "${file}"; for v in "$A" "$B" "$C" "$D" "$E" "$F" "$G"; do printf '%s\\0' "$v"; done`
  const shell = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)
  const parsed = await readEnvironmentFile(file)
  t.strictSame(
    [...(parsed?.assignments.values() ?? [])].map(({ value }) => value),
    shell,
  )
})

await t.test('the standard file is read when it is there', async (t) => {
  const directory = t.testdir({ 'environment.sh': 'A=1\n' })
  const file = await readEnvironmentFile(undefined, join(directory, 'environment.sh'))
  t.equal(file?.assignments.get('A')?.value, '1')
  t.equal(await readEnvironmentFile(undefined, join(directory, 'absent.sh')), undefined)
})

await t.test('a file that is named has to be there, and be text', async (t) => {
  const directory = t.testdir({ binary: Buffer.from([0x41, 0x3d, 0xff]) })
  const faults = async (path: string): Promise<unknown> =>
    readEnvironmentFile(path).then(
      () => undefined,
      (error: unknown) => (error instanceof ConfigInvalid ? error.faults : error),
    )
  t.match(await faults(join(directory, 'absent')), [{ variable: '--environment', message: 'cannot be read (ENOENT)' }])
  t.match(await faults(directory), [{ variable: '--environment', message: 'cannot be read (EISDIR)' }])
  t.match(await faults(join(directory, 'binary')), [{ variable: '--environment', message: 'is no text in UTF-8' }])
  writeFileSync(join(directory, 'large'), `A='${'x'.repeat(1024 * 1024)}'`)
  t.match(await faults(join(directory, 'large')), [{ message: 'is larger than 1048576 bytes' }])
})
