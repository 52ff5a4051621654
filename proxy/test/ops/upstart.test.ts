import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runProgram } from '../commands/run-edge.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { ops } from './scripts.ts'
import { isCausedBy, parseEvents, parseJob, type Job } from './upstart.ts'

// An older Upstart must take every word, or it skips the file and the check in it that says so.
const oldest = '1.4'
const folder = join(ops, 'upstart')
const jobs = new Map(
  readdirSync(folder).map((name) => [
    name.replace('.conf', ''),
    parseJob(readFileSync(join(folder, name), 'utf8'), oldest),
  ]),
)

function jobOf(name: string): Job {
  const job = jobs.get(name)
  if (job === undefined) throw new Error(`there is no ops/upstart/${name}.conf`)
  return job
}

function stanza(job: Job, name: string): string | undefined {
  return job.stanzas.find((candidate) => candidate.name === name)?.argument
}

function block(job: Job, name: string): string {
  return job.blocks.find(({ stanza }) => stanza === name)?.text ?? ''
}

await t.test('the reader refuses what Upstart would refuse', (t) => {
  const rows: [string, RegExp][] = [
    ['respwan', /line 1: no such stanza: respwan/],
    ['respawn limit 10', /not what may stand behind this stanza/],
    ['limit core 0', /not what/],
    ['limit cores 0 0', /not what/],
    ['kill timeout 40s', /not what/],
    ['umask 27', /not what/],
    ['setuid blot\nsetuid blot', /line 2: given twice/],
    ['reload signal HUP', /younger than Upstart 1.4/],
    ['script\necho', /a script without an end/],
    ['pre-start', /neither script nor exec/],
    ['exec', /exec of nothing/],
    ['exec a\nscript\nend script', /a second main/],
    ['start on started redis and', /an event was expected/],
    ['start on (started redis', /parenthesis/],
  ]
  for (const [text, expected] of rows) t.throws(() => parseJob(text, '1.4'), expected, text)
  t.same(parseEvents('started a or (stopped b and runlevel [016])').kind, 'or')
  t.end()
})

await t.test('one after the other: Redis, the app, then edge and Monit', (t) => {
  const starting: [string, string[]][] = [
    ['redis', ['runlevel', '2']],
    ['blot', ['started', 'redis']],
    ['edge', ['started', 'blot']],
    ['monit', ['started', 'blot']],
  ]
  t.strictSame([...jobs.keys()].toSorted(), starting.map(([name]) => name).toSorted())
  for (const [name, cause] of starting) {
    const [event = '', ...values] = cause
    const starts = parseEvents(stanza(jobOf(name), 'start on') ?? '')
    const stops = parseEvents(stanza(jobOf(name), 'stop on') ?? '')
    t.ok(isCausedBy(starts, event, ...values), `${name} starts on ${cause.join(' ')}`)
    t.notOk(isCausedBy(starts, 'runlevel', '0'), `${name} does not start at shutdown`)
    for (const level of ['0', '1', '6'])
      t.ok(isCausedBy(stops, 'runlevel', level), `${name} stops on runlevel ${level}`)
    t.notOk(isCausedBy(stops, 'runlevel', '2'))
    // The edge serves on while the app is restarted.
    for (const other of jobs.keys()) t.notOk(isCausedBy(stops, 'stopped', other), `${name} survives ${other}`)
  }
  t.end()
})

await t.test('each comes back, within limits, and leaves no core dump', (t) => {
  for (const [name, job] of jobs) {
    t.equal(stanza(job, 'respawn'), '', name)
    t.equal(stanza(job, 'respawn limit'), '10 5', name)
    t.equal(stanza(job, 'limit'), 'core 0 0', name)
  }
  const edge = jobOf('edge')
  t.equal(stanza(edge, 'kill timeout'), '40', 'longer than its drain of 30 s')
  t.ok(edge.stanzas.some(({ name, argument }) => name === 'limit' && argument.startsWith('nofile ')))
  t.equal(stanza(edge, 'env'), 'EDGE_USER=blot-edge')
  t.notMatch(block(edge, 'main'), /\. \/etc\/blot\/environment\.sh/, 'the edge reads the file itself')
  t.end()
})

await t.test('what a shell runs is shell, and ends as the process that Upstart watches', async (t) => {
  const directory = temporaryDirectory(t)
  const paths = [...jobs].flatMap(([name, job]) =>
    job.blocks.map(({ stanza, text }) => {
      const path = join(directory, `${name}-${stanza}`)
      writeFileSync(path, `#!/bin/dash -e\n${text}`)
      return path
    }),
  )
  // 1091: environment.sh is the machine's. 2046: words are split where that is wanted. 2153: PORT is Upstart's.
  const flags = ['--exclude=SC1091,SC2046,SC2153']
  t.match(await runProgram('shellcheck', [...flags, ...paths]), { code: 0, stdout: '' })
  for (const path of paths) t.match(await runProgram('sh', ['-n', path]), { code: 0, stderr: '' })
  for (const [name, job] of jobs) {
    const main = job.blocks.find(({ stanza }) => stanza === 'main')
    const [last = ''] = main?.text.replaceAll('\\\n', '').trim().split('\n').slice(-1) ?? []
    t.ok(main?.kind === 'exec' || last.trim().startsWith('exec '), name)
  }
})

await t.test('before the edge starts, a machine that cannot run it says why', async (t) => {
  const directory = temporaryDirectory(t)
  const programs = join(directory, 'bin')
  mkdirSync(programs)
  const program = (name: string, text: string): void => {
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(programs, name), 0o755)
  }
  const script = join(directory, 'pre-start')
  const environment = join(directory, 'environment.sh')
  const edge = join(programs, 'blot-edge')
  const text = block(jobOf('edge'), 'pre-start')
    .replaceAll('/etc/blot/environment.sh', environment)
    .replaceAll('/opt/blot-edge/current/bin/blot-edge', edge)
    .replaceAll('/run/', `${directory}/run/`)
    .replaceAll('/var/log/', `${directory}/log/`)
  writeFileSync(script, text)
  // The machine's own logger would write into its log.
  program('logger', 'shift 5; echo "$1" >&2')
  program('blot-edge', 'echo "$*"; echo "BLOT_HOST is required" >&2; exit 1')
  const start = (upstart: string, glibc: string): ReturnType<typeof runProgram> => {
    program('initctl', `echo '${upstart}'`)
    program('getconf', `echo '${glibc}'`)
    return runProgram('sh', ['-e', script], { environment: { PATH: `${programs}:/usr/bin:/bin` } })
  }
  const refusals: [string, string, RegExp][] = [
    ['init (upstart 1.3)', 'glibc 2.36', /^Upstart 1\.3 keeps no log of a job: 1\.4 is needed\n$/],
    ['', 'glibc 2.36', /^Upstart of unknown version/],
    ['init (upstart 1.12.1)', 'glibc 2.19', /^glibc 2\.19 does not run Node\.js 26: 2\.28 is needed/],
    ['init (upstart 1.12.1)', 'glibc 2.28', /environment\.sh is missing: ops\/setup\/debian\.sh/],
  ]
  for (const [upstart, glibc, stderr] of refusals) {
    t.match(await start(upstart, glibc), { code: 1, stderr }, `${upstart} ${glibc}`)
  }
  writeFileSync(environment, '')
  const faulty = await start('init (upstart 1.12.1)', 'glibc 2.100')
  t.match(faulty, { code: 1, stderr: /^BLOT_HOST is required\n.*check --configuration finds faults\n$/ })
  program('blot-edge', 'exit 0')
  t.match(await start('init (upstart 1.12.1)', 'glibc 2.28'), { code: 0, stdout: '', stderr: '' })
})
