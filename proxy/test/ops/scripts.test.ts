import t from 'tap'
import { runProgram } from '../commands/run-edge.ts'
import { isScript, opsFiles } from './scripts.ts'

const files = opsFiles()
const scripts = files.filter(isScript)
const libraries = files.filter(({ name }) => name.startsWith('ops/lib/'))

await t.test('shellcheck finds nothing in any script', async (t) => {
  const paths = [...scripts, ...libraries].map(({ path }) => path)
  const { stdout, code } = await runProgram('shellcheck', ['--external-sources', '--shell=bash', ...paths])
  t.equal(stdout, '')
  t.equal(code, 0)
})

await t.test('what is run has its run bit, what is read has none', (t) => {
  for (const file of files) t.equal((file.mode & 0o111) !== 0, isScript(file), file.name)
  t.end()
})

for (const { name, path, text } of scripts) {
  await t.test(`${name} is a script like the others`, async (t) => {
    t.match(text, /^#!\/usr\/bin\/env bash\n(#.*\n)+set -euo pipefail\n/, 'help, then the safe mode')
    t.match(text, /\nread_options /, 'reads its options as the others do')
    const help = await runProgram(path, ['--help'])
    t.match(help, { code: 0, stderr: '' })
    t.ok(help.stdout.startsWith(`Usage: ${name}`), 'the usage comes first')
    t.match(help.stdout, /^ {2}--dry-run /m)
    for (const option of text.match(/(?<=\nread_options ')[^']*/)?.[0].split(' ') ?? []) {
      t.match(help.stdout, `--${option.replace('=', '')}`, 'explains each option')
    }
    const wrong = await runProgram(path, ['--nonsense'])
    t.match(wrong, { code: 2, stdout: '', stderr: /unknown option --nonsense: see .* --help\n$/ })
  })
}
