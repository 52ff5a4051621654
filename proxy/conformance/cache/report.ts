import { styleText } from 'node:util'
import type { CacheName } from './caches.ts'
import { judgeTest, sumUp, testsOf } from './judge.ts'
import type { Played } from './play.ts'
import type { Suite, SuiteTest } from './suite.ts'

export type CacheOutcome = {
  readonly suites: readonly Suite[]
  readonly played: ReadonlyMap<CacheName, Played>
  readonly titles: ReadonlyMap<CacheName, string>
}

const MARKS = { pass: 'yes', fail: 'no', no: '-' } as const

/** What the edge does not meet, with what the others make of it; and the sums. */
export function renderTerminal({ suites, played, titles }: CacheOutcome): string {
  let text = ''
  for (const test of testsOf(suites)) {
    const edge = played.get('edge')
    const judged = edge === undefined ? undefined : judgeTest(test, edge)
    if (judged === undefined || judged.verdict === 'pass' || test.kind === 'check') continue
    const others = [...played]
      .filter(([name]) => name !== 'edge')
      .map(([name, results]) => `${name} ${MARKS[judgeTest(test, results).verdict]}`)
    text += `${styleText(judged.verdict === 'fail' ? 'red' : 'yellow', (test.kind ?? 'required').padEnd(9))} ${test.id} (${others.join(', ')}): ${judged.reason}\n`
  }
  for (const [name, results] of played) {
    const { required, optimal, check } = sumUp(suites, results)
    text += `${(titles.get(name) ?? name).padEnd(18)} requirements ${required.passed}/${required.of}, optimisations ${optimal.passed}/${optimal.of}, questions with yes ${check.passed}/${check.of}\n`
  }
  return text
}

/** Requirements that the edge fails and another one meets. */
export function shortcomings({ suites, played }: CacheOutcome): SuiteTest[] {
  const edge = played.get('edge')
  if (edge === undefined) return []
  const others = [...played].filter(([name]) => name !== 'edge').map(([, results]) => results)
  return testsOf(suites).filter((test) => {
    if ((test.kind ?? 'required') !== 'required' || judgeTest(test, edge).verdict === 'pass') return false
    return others.some((results) => judgeTest(test, results).verdict === 'pass')
  })
}

/** For docs/cache.md: a row a chapter of the suite, met requirements and optimisations. */
export function renderMarkdown({ suites, played, titles }: CacheOutcome): string {
  const names = [...played.keys()]
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  let text = row(['', ...names.map((name) => titles.get(name) ?? name)]) + row(['---', ...names.map(() => '---')])
  const cellsFor = (some: readonly Suite[]): string[] =>
    names.map((name) => {
      const { required, optimal } = sumUp(some, played.get(name) ?? {})
      return `${required.passed}/${required.of}, ${optimal.passed}/${optimal.of}`
    })
  for (const suite of suites) {
    if (testsOf([suite]).some(({ kind }) => kind !== 'check')) text += row([suite.name, ...cellsFor([suite])])
  }
  return text + row(['**all**', ...cellsFor(suites)])
}
