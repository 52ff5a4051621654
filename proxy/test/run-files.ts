import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'

const PATTERNS = ['proxy/test/**/*.test.ts', 'blot-app/test/**/*.test.ts']
/** The longest are first, so that none of them is left alone at the end. */
const LONGEST = [
  'ops/machine',
  'integration/reload',
  'integration/several-edges',
  'integration/upgrade',
  '/ops/',
  '/integration/',
  '/commands/',
]
/** More than cores: most files wait for processes now and then. */
const JOBS = 4
const TIMEOUT_S = 600
/** What a test that was told of its timeout has to clean up. */
const CLEAN_UP_MS = 15_000

export type Counts = { readonly passed: number; readonly failed: number }

/** Does all of it, some at a time. */
export async function runAll(works: readonly (() => Promise<Counts>)[]): Promise<Counts> {
  const waiting = [...works]
  const counts = { passed: 0, failed: 0 }
  async function runNext(): Promise<void> {
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
      const { passed, failed } = await work()
      counts.passed += passed
      counts.failed += failed
    }
  }
  await Promise.all(Array.from({ length: JOBS }, runNext))
  return counts
}

/** @param names parts of paths; none for all files. */
export function findFiles(names: readonly string[]): string[] {
  return globSync(PATTERNS)
    .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
    .toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

function rank(file: string): number {
  const index = LONGEST.findIndex((part) => file.includes(part))
  return index === -1 ? LONGEST.length : index
}

/**
 * Runs a test file as the program that it is, and tells of it when all is known. `tap` as a runner would instrument it and every process that it
 * starts (`NODE_OPTIONS`) for a coverage that is not measured: that is a third of the time, and not the program that others run.
 */
export async function runFile(file: string): Promise<Counts> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_S) },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_S * 1000 + CLEAN_UP_MS,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(code === 0 ? '' : `ended with ${signal ?? code}`))
  })
  const { passed, failed, isWhole, told } = await readTap(child.stdout)
  const end = (await ended) || (isWhole ? '' : 'ended before its tests')
  const isGood = failed === 0 && end === ''
  const tookS = ((performance.now() - startedMs) / 1000).toFixed(1)
  const lines = [`${isGood ? 'ok' : 'not ok'} - ${file} # ${tookS} s`, ...told, ...(end === '' ? [] : [end])]
  process.stdout.write(`${lines.join('\n')}\n`)
  return { passed, failed: isGood ? 0 : Math.max(failed, 1) }
}

/** Runs a script of `package.json` that says what is wrong. */
export async function runCheck(script: string): Promise<Counts> {
  const child = spawn('npm', ['run', '--silent', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  process.stdout.write(code === 0 ? `ok - ${script}\n` : `not ok - ${script}\n${output}${errors}`)
  return { passed: 0, failed: code === 0 ? 0 : 1 }
}

type Read = { readonly passed: number; readonly failed: number; readonly isWhole: boolean; readonly told: string[] }

/** Counts assertions. Told are those that failed, with all that is said of them, and those that were skipped. */
async function readTap(stream: NodeJS.ReadableStream): Promise<Read> {
  const told: string[] = []
  let [passed, failed, isWhole, isTelling] = [0, 0, false, false]
  for await (const line of createInterface({ input: stream })) {
    const result = /^ *(not )?ok \d+/.exec(line)
    if (result !== null) {
      const isFailed = result[1] !== undefined
      isTelling = isFailed || / # SKIP/i.test(line)
      // A parent repeats its subtests as one line each, which ends with the time it took.
      const isAssertion = !line.includes('# time=')
      if (isAssertion && isFailed) failed += 1
      if (isAssertion && !isFailed) passed += 1
    }
    if (/^1\.\.\d/.test(line)) isWhole = true
    if (isTelling) told.push(line)
  }
  return { passed, failed, isWhole, told }
}
