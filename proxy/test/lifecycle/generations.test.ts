import t from 'tap'
import type { DrainLimits } from '../../src/server/drain.ts'
import type { Generation } from '../../src/lifecycle/generation.ts'
import { createGenerations, SHORT, type Generations } from '../../src/lifecycle/generations.ts'
import { configure } from '../config/configure.ts'
import { collectFaults, SCRIPTED, surroundingsOf } from './family.ts'

/** Generations whose processes end when a test says so. */
function createPatient(): { generations: Generations; drained: Map<number, DrainLimits[]>; end(number: number): void } {
  const drained = new Map<number, DrainLimits[]>()
  const ends = new Map<number, () => void>()
  const generations = createGenerations(surroundingsOf(), 0, ({ number, release, config }) => {
    const ended = new Promise<void>((resolve) => void ends.set(number, resolve))
    drained.set(number, [])
    const generation: Pick<Generation, 'number' | 'release' | 'config' | 'state' | 'retire' | 'drain'> = {
      number,
      release,
      config,
      state: 'running',
      retire: () => undefined,
      drain(role, limits) {
        if (role === 'worker') drained.get(number)?.push(limits)
        return ended
      },
    }
    return generation as Generation
  })
  return { generations, drained, end: (number) => ends.get(number)?.() }
}

await t.test('when too many drain, the oldest ends soon: each of them once, however fast new ones come', async (t) => {
  const faults = collectFaults(t)
  const { generations, drained, end } = createPatient()
  const config = configure({ EDGE_RELOAD_DRAIN_MS: '3600000' })
  const reload = (): void => generations.promote(generations.open(SCRIPTED, config, []))
  const hurried = (): number[] => [...drained].filter(([, limits]) => limits.includes(SHORT)).map(([number]) => number)
  for (let i = 0; i < 9; i++) reload()
  t.same(hurried(), [], 'eight drain')
  for (let i = 0; i < 3; i++) reload()
  t.same(hurried(), [1, 2, 3], 'while none of them has ended yet')
  t.equal(faults.length, 3)
  for (const number of [1, 2, 3, 4]) end(number)
  await new Promise(setImmediate)
  reload()
  t.same(hurried(), [1, 2, 3])
})
