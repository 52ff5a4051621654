import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { root, runProgram } from './commands/run-edge.ts'

/** A release in a folder with a space, whose `main.ts` prints where it is and what it was given. */
function makeRelease(t: Test): { directory: string; release: string } {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'launcher ')))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const release = join(directory, 'releases/1')
  for (const folder of ['bin', 'proxy/src', 'node_modules/.bin']) mkdirSync(join(release, folder), { recursive: true })
  copyFileSync(join(root, 'bin/blot-edge'), join(release, 'bin/blot-edge'))
  writeFileSync(join(release, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(release, 'proxy/src/main.ts'),
    'const args: string[] = process.argv.slice(2)\nconsole.log(JSON.stringify([import.meta.dirname, process.execPath, args]))\n',
  )
  symlinkSync(process.execPath, join(release, 'node_modules/.bin/node'))
  return { directory, release }
}

/** A PATH with the tools of a shell, and a `node` that fails like one which is too old. */
function pathWithOldNode(directory: string): string {
  const folder = join(directory, 'old')
  mkdirSync(folder)
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "bad option" >&2\nexit 9\n')
  chmodSync(join(folder, 'node'), 0o755)
  return `${folder}:/usr/bin:/bin`
}

await t.test('the locked runtime runs this release, however it is called', async (t) => {
  const { directory, release } = makeRelease(t)
  const program = join(release, 'bin/blot-edge')
  const real = realpathSync(process.execPath)
  symlinkSync(program, join(directory, 'absolute'))
  symlinkSync('releases/1/bin/blot-edge', join(directory, 'relative'))
  symlinkSync('relative', join(directory, 'chain'))
  mkdirSync(join(directory, 'bin'))
  symlinkSync('../chain', join(directory, 'bin/edge'))
  symlinkSync('releases/1', join(directory, 'current'))
  symlinkSync('releases/1/bin', join(directory, 'sbin'))
  const PATH = pathWithOldNode(directory)

  const calls: readonly (readonly [what: string, program: string, ...args: string[]])[] = [
    ['by its path', program],
    ['by an absolute link', join(directory, 'absolute')],
    ['by a relative link', join(directory, 'relative')],
    ['by a chain of links', join(directory, 'bin/edge')],
    ['through a link to the release', join(directory, 'current/bin/blot-edge')],
    ['through a link to its folder', 'sbin/blot-edge'],
    ['by a path from where one is', './relative'],
    ['by sh', 'sh', 'relative'],
    ['by sh -c', 'sh', '-c', './bin/edge "$@"', 'sh'],
    ['by the PATH', 'sh', '-c', `PATH="$PWD/bin:$PATH"; edge "$@"`, 'sh'],
    ['by dash', 'dash', 'bin/edge'],
    ...(existsSync('/bin/bash') ? [['by bash', 'bash', 'bin/edge'] as const] : []),
    ...(existsSync('/bin/busybox') ? [['by busybox', 'busybox', 'sh', 'bin/edge'] as const] : []),
  ]
  for (const [what, first, ...rest] of calls) {
    const ran = await runProgram(first, [...rest, 'a b', '', '*', '--help'], { directory, environment: { PATH } })
    t.strictSame([ran.stderr, ran.code], ['', 0], what)
    const [folder, node, args] = JSON.parse(ran.stdout) as [string, string, string[]]
    t.equal(folder, join(release, 'proxy/src'), 'the real folder: a link that is moved later changes nothing')
    t.equal(realpathSync(node), real)
    t.strictSame(args, ['a b', '', '*', '--help'], 'arguments as they are')
  }
})

await t.test('neither an empty PATH nor a CDPATH matters', async (t) => {
  const { directory, release } = makeRelease(t)
  for (const folder of ['bin', 'elsewhere/bin']) mkdirSync(join(directory, folder), { recursive: true })
  symlinkSync('../releases/1/bin/blot-edge', join(directory, 'bin/linked'))
  const environment = { PATH: join(directory, 'none'), CDPATH: join(directory, 'elsewhere') }
  const linked = await runProgram('/bin/sh', ['bin/linked'], { directory, environment })
  t.equal(linked.stderr, '')
  t.match(linked.stdout, JSON.stringify(join(release, 'proxy/src')))
  const direct = await runProgram('/bin/sh', ['bin/blot-edge'], { directory: release, environment })
  t.equal(direct.stderr, '')
  t.match(direct.stdout, JSON.stringify(join(release, 'proxy/src')))
})

await t.test('without a runtime that runs, it says what to do', async (t) => {
  const { directory, release } = makeRelease(t)
  const node = join(release, 'node_modules/.bin/node')
  const call = (): ReturnType<typeof runProgram> =>
    runProgram(join(release, 'bin/blot-edge'), ['--help'], { directory })
  const expected = {
    code: 1,
    stdout: '',
    stderr: `blot-edge: no Node.js that runs in ${release}/node_modules: run 'npm ci' in ${release} (EDGE_ERR_RUNTIME_MISSING)\n`,
  }
  rmSync(node)
  t.strictSame(await call(), expected, 'absent')
  writeFileSync(node, 'not a program of this machine')
  chmodSync(node, 0o755)
  t.strictSame(await call(), expected, 'for another machine')
  rmSync(join(release, 'node_modules'), { recursive: true })
  t.strictSame(await call(), expected, 'nothing installed')
})

await t.test('a link to itself ends', async (t) => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'launcher-')))
  t.teardown(() => rmSync(directory, { recursive: true }))
  symlinkSync('edge', join(directory, 'edge'))
  const { code } = await runProgram('sh', ['-c', `. "${join(root, 'bin/blot-edge')}"`, join(directory, 'edge')])
  t.not(code, 0)
})

await t.test('the real one runs from anywhere', async (t) => {
  const { stdout, code } = await runProgram(join(root, 'bin/blot-edge'), ['--version'], { directory: dirname(root) })
  t.match(stdout, /^\d+\.\d+\.\d+\n$/)
  t.equal(code, 0)
})
