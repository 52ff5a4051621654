import type { Played } from './play.ts'
import type { Suite, SuiteTest } from './suite.ts'

/** `pass`; `fail`; `no`: it could not be shown, since what the test builds on does not hold here. */
export type Verdict = 'pass' | 'fail' | 'no'
export type Kind = NonNullable<SuiteTest['kind']>

/** What a cache made of one test. */
export function judgeTest(test: SuiteTest, played: Played): { verdict: Verdict; reason: string } {
  const result = played[test.id]
  const missing = (test.depends_on ?? []).find((id) => played[id] !== true)
  if (missing !== undefined) return { verdict: 'no', reason: `builds on ${missing}` }
  if (result === true) return { verdict: 'pass', reason: '' }
  const [name, message] = result ?? ['', 'it was not played']
  return { verdict: name === 'Setup' ? 'no' : 'fail', reason: message }
}

export type Sums = Readonly<Record<Kind, { readonly passed: number; readonly of: number }>>

/** Of the requirements and optimisations, those that a cache meets; of the questions, those with a yes. */
export function sumUp(suites: readonly Suite[], played: Played): Sums {
  const sums = { required: { passed: 0, of: 0 }, optimal: { passed: 0, of: 0 }, check: { passed: 0, of: 0 } }
  for (const test of testsOf(suites)) {
    const sum = sums[test.kind ?? 'required']
    sum.of++
    if (judgeTest(test, played).verdict === 'pass') sum.passed++
  }
  return sums
}

/** Those that are for caches between machines. */
export function testsOf(suites: readonly Suite[]): SuiteTest[] {
  return suites.flatMap(({ tests }) => tests).filter(({ browser_only: isForBrowsers }) => isForBrowsers !== true)
}
