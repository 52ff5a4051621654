import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runProgram, type Ran } from '../commands/run-edge.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { ops } from './scripts.ts'

type Place = { readonly directory: string; readonly script: string; run(...args: string[]): Promise<Ran> }

/** A script of its own on the library, which begins as those of ops do. */
function makeScript(t: Test, body: string, library = 'files'): Place {
  const directory = temporaryDirectory(t)
  const script = join(directory, 'script')
  const text = `#!/usr/bin/env bash
# Usage: script
#
# Tries the library.
set -euo pipefail
. '${ops}/lib/${library}.sh'
manifest=${directory}/manifest
owner=$(id -un):$(id -gn)
${body}
`
  writeFileSync(script, text, { mode: 0o755 })
  return { directory, script, run: (...args) => runProgram(script, args, { directory }) }
}

await t.test('options: with values, without, and wrong ones', async (t) => {
  const { run } = makeScript(
    t,
    `read_options 'check host=' "$@"
printf '%s|' "\${option[check]-}" "\${option[host]-}" "$dry_run" "\${arguments[@]}"`,
  )
  const rows: [string[], string][] = [
    [[], '||false|'],
    [['--check', '--host', 'a b', 'edge'], 'true|a b|false|edge|'],
    [['edge', '--host=a=b', '-n', '--', '--check'], '|a=b|true|edge|--check|'],
  ]
  for (const [args, expected] of rows) t.match(await run(...args), { code: 0, stdout: expected, stderr: '' })
  t.match(await run('-h', '--nonsense'), { code: 2 })
  t.match(await run('-h'), { code: 0, stdout: 'Usage: script\n\nTries the library.\n' })
  for (const args of [['--host'], ['--check=yes'], ['--hosts', 'a'], ['-x']]) {
    t.match(await run(...args), { code: 2, stdout: '', stderr: /see .*script --help/ }, args.join(' '))
  }
})

await t.test('files: written once, updated while they are ours, kept once they are the operator’s', async (t) => {
  const place = makeScript(
    t,
    `read_options '' "$@"\nensure_file source target/file 640 "$owner"\necho "pending $pending"`,
  )
  const { directory, run } = place
  const target = join(directory, 'target/file')
  const source = (text: string): void => writeFileSync(join(directory, 'source'), text)
  source('one\n')
  t.match((await run('--dry-run')).stdout, /^would +write target\/file\npending 1\n$/)
  t.throws(() => statSync(target), { code: 'ENOENT' })
  t.match((await run()).stdout, /^did +write/)
  t.equal(readFileSync(target, 'utf8'), 'one\n')
  t.equal(statSync(target).mode & 0o777, 0o640)
  t.match((await run()).stdout, /^ok .*\npending 0\n$/)

  chmodSync(target, 0o666)
  t.match((await run()).stdout, /^did +give/)
  t.equal(statSync(target).mode & 0o777, 0o640)

  source('two\n')
  t.match((await run()).stdout, /^did +update/)
  t.equal(readFileSync(target, 'utf8'), 'two\n')

  writeFileSync(target, 'mine\n')
  source('three\n')
  t.match((await run()).stdout, /^did +keep target\/file, which was changed here/)
  t.match((await run()).stdout, /^warn +target\/file was changed here/)
  t.equal(readFileSync(target, 'utf8'), 'mine\n')
  t.equal(readFileSync(`${target}.new`, 'utf8'), 'three\n')
})

await t.test('folders: a link to one is one, but not where others may write', async (t) => {
  const { directory, run } = makeScript(
    t,
    `read_options '' "$@"
ensure_folder cache 2750 "$owner"
ensure_private_folder cache/.edge 700 "$owner"`,
  )
  const cache = join(directory, 'cache')
  t.match((await run('--dry-run')).code, 0)
  t.throws(() => statSync(cache), { code: 'ENOENT' })
  t.match((await run()).stdout, /^did +make folder cache .*\ndid +make folder cache\/.edge /)
  t.equal(statSync(cache).mode & 0o7777, 0o2750)
  t.equal(statSync(join(cache, '.edge')).mode & 0o777, 0o700)
  t.match((await run()).stdout, /^ok .*\nok .*\n$/)

  const elsewhere = join(directory, 'elsewhere')
  mkdirSync(elsewhere, { mode: 0o755 })
  rmSync(cache, { recursive: true })
  symlinkSync('elsewhere', cache)
  t.match((await run()).stdout, /^did +give cache to/)
  t.equal(statSync(elsewhere).mode & 0o7777, 0o2750, 'the folder that it leads to')

  rmSync(join(elsewhere, '.edge'), { recursive: true })
  symlinkSync('/etc', join(elsewhere, '.edge'))
  t.match(await run(), { code: 1, stderr: /cache\/\.edge is a link/ })
  rmSync(elsewhere, { recursive: true })
  t.match(await run(), { code: 1, stderr: /cache has to be a folder, and is none.*elsewhere/ }, 'a dangling link')
})

await t.test('a change that fails is named, and what was begun is cleaned up, the last first', async (t) => {
  const { run } = makeScript(
    t,
    `on_exit 'echo first'
on_exit 'echo second'
change 'do what cannot be done' false
echo 'not reached'`,
  )
  t.match(await run(), { code: 1, stdout: 'second\nfirst\n', stderr: /failed: do what cannot be done/ })
})

const skip = process.getuid?.() === 0 ? false : 'locks lie where root alone writes'
await t.test('a second one is kept out while the first is at work, and a signal lets it in', { skip }, async (t) => {
  const { script, run } = makeScript(t, `hold_lock "test-$PPID"\non_exit 'echo cleaned'\necho held\nread -r _ || true`)
  const first = spawn(script, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => rmSync(`/run/blot/test-${process.pid}.lock`, { force: true }))
  await once(first.stdout, 'data')
  t.match(await run(), { code: 1, stderr: /another one is at work/ })
  const said = once(first.stdout, 'data')
  first.kill('SIGTERM')
  const [exit, [text]] = (await Promise.all([once(first, 'exit'), said])) as [unknown[], [Buffer]]
  t.strictSame([exit[0], text.toString()], [143, 'cleaned\n'])
  t.match(await run(), { code: 0 })
})

await t.test('the environment file is read as the edge reads it, and the app’s ports follow from it', async (t) => {
  const { directory, run } = makeScript(
    t,
    `environment_file=$(dirname "$0")/environment.sh
read_options '' "$@"
for name in "\${arguments[@]}"; do environment_value "$name" default; done
app_ports`,
    'machine',
  )
  t.match((await run('BLOT_HOST')).stdout, 'default\n8080\n', 'no file')
  const lines = [
    'export BLOT_HOST=blot.example # a comment',
    `EDGE_STORE='redis://:p4$$w"rd@127.0.0.1'`,
    'EDGE_LOG=',
    'BLOT_PORT="9090"',
  ]
  writeFileSync(join(directory, 'environment.sh'), lines.join('\n'))
  const { stdout } = await run('BLOT_HOST', 'EDGE_STORE', 'EDGE_LOG', 'HOME')
  t.equal(stdout, `blot.example\nredis://:p4$$w"rd@127.0.0.1\ndefault\ndefault\n9090\n`)

  const upstreams = `EDGE_UPSTREAMS='http://127.0.0.1:8080, http://10.0.0.1:8080,http://localhost:8081;backup'`
  writeFileSync(join(directory, 'environment.sh'), upstreams)
  t.equal((await run()).stdout, '8080\n8081\n', 'those of this machine')
})

await t.test('Upstart is told what it takes: it knows no restart of what does not run', async (t) => {
  const { directory, script } = makeScript(
    t,
    `find_supervisor() { echo upstart; }
read_options '' "$@"
service "\${arguments[@]}"`,
    'machine',
  )
  const programs = join(directory, 'bin')
  mkdirSync(programs)
  // No Upstart can be installed any more: this stands for its `initctl`.
  const calls = join(directory, 'calls')
  const initctl = (isRunning: boolean): void => {
    const state = isRunning ? 'start/running, process 4' : 'stop/waiting'
    const text = `#!/bin/sh\nif [ "$1" = status ]; then echo 'blot (8081) ${state}'; else echo "$*" >>'${calls}'; fi\n`
    writeFileSync(join(programs, 'initctl'), text, { mode: 0o755 })
  }
  const rows: [boolean, string[], string][] = [
    [true, ['restart', 'app', '8081'], 'stop blot PORT=8081\nstart blot PORT=8081\n'],
    [false, ['restart', 'app', '8081'], 'start blot PORT=8081\n'],
    [true, ['start', 'app', '8081'], ''],
    [false, ['stop', 'edge'], ''],
    [true, ['stop', 'edge'], 'stop edge\n'],
    [false, ['start', 'redis'], 'start redis\n'],
  ]
  for (const [isRunning, args, expected] of rows) {
    initctl(isRunning)
    writeFileSync(calls, '')
    const ran = await runProgram(script, args, { environment: { PATH: `${programs}:${process.env['PATH']}` } })
    t.match(ran, { code: 0, stderr: '' })
    t.equal(readFileSync(calls, 'utf8'), expected, `${args.join(' ')}, ${isRunning}`)
  }
})
