import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fetchThrough } from './fetch.ts'
import { loadSuites } from './suite.ts'

/** Plays the suite on one cache, in a process of its own: its modules keep their results for themselves. */

export type Played = Readonly<Record<string, true | readonly [name: string, message: string]>>

type Runner = {
  runTests(suites: unknown, fetch: unknown, browser: boolean, base: string): Promise<void>
  getResults(): Played
}

const [, , folder = '', port = ''] = process.argv
const { runTests, getResults } = (await import(pathToFileURL(join(folder, 'client/runner.mjs')).href)) as Runner
await runTests(await loadSuites(folder), fetchThrough(Number(port)), false, 'http://cache.example')
process.send?.(getResults())
process.disconnect?.()
