import { basename } from 'node:path'
import t from 'tap'
import { runProgram } from '../commands/run-edge.ts'
import { isScript, opsFiles, type OpsFile } from './scripts.ts'

const files = opsFiles()
const scripts = files.filter(isScript)
const others = files.filter((file) => file.name.endsWith('.sh') && !isScript(file))

await t.test('shellcheck finds nothing in any script, nor in what it sources', async (t) => {
  const isSourced = ({ name }: OpsFile): boolean => scripts.some(({ text }) => text.includes(`/${basename(name)}"\n`))
  const paths = [...scripts, ...others.filter((file) => !isSourced(file))].map(({ path }) => path)
  const flags = ['--external-sources', '--check-sourced', '--shell=bash']
  t.match(await runProgram('shellcheck', [...flags, ...paths]), { stdout: '', stderr: '', code: 0 })
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
