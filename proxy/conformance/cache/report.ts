import { styleText } from 'node:util'
import type { CacheName } from './caches.ts'
import { DEPARTURES } from './departures.ts'
import { judgeTest, sumUp, testsOf } from './judge.ts'
import type { Played } from './play.ts'
import type { Suite } from './suite.ts'

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

/** What is not as `DEPARTURES` says: a test that the edge does not meet any more, or meets by now. */
export function surprises({ suites, played }: CacheOutcome): string[] {
  const edge = played.get('edge')
  if (edge === undefined) return []
  const departed = new Set(DEPARTURES.flatMap(({ tests }) => tests))
  const found: string[] = []
  for (const test of testsOf(suites)) {
    const isMet = judgeTest(test, edge).verdict === 'pass'
    if (isMet && departed.has(test.id)) found.push(`${test.id} is met, and among the departures`)
    if (!isMet && !departed.has(test.id) && test.kind !== 'check') found.push(`${test.id} is not met any more`)
    departed.delete(test.id)
  }
  return [...found, ...[...departed].map((id) => `${id} is among the departures, and no test`)]
}

/** For docs/cache.md: a row a chapter of the suite, met requirements and optimisations; and what the edge does otherwise. */
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
  text += row(['**all**', ...cellsFor(suites)])
  text += `\nWhere the edge does otherwise:\n\n`
  for (const { tests, because } of DEPARTURES) text += `- ${tests.map((id) => `\`${id}\``).join(', ')}: ${because}\n`
  return text
}
