import type { Scenario } from '../scenario.ts'
import { post, startReplaceable } from '../servers/reloadable.ts'
import { assertNoneDropped, recordResult, trial } from '../trial.ts'

const UPGRADES = { full: 5, quick: 2 }
const PAUSE_MS = 1500

/** Another primary on the same sockets, with processes of its own; the one before drains, and ends. */
export const upgradeUnderLoad: Scenario = {
  name: 'upgrade-under-load',
  question: 'How many requests fail while the primary itself is replaced, under a mixed load?',
  async run(lab) {
    const upgrades = lab.quick ? UPGRADES.quick : UPGRADES.full
    const options = { name: 'upgrade-under-load', contestant: 'edge', start: startReplaceable } as const
    const result = await trial(options, lab, async ({ server, wait, tell }) => {
      for (let count = 1; count <= upgrades; count++) {
        tell(`upgrade ${count} of ${upgrades}`)
        const startedMs = performance.now()
        await post(server, '/upgrade')
        lab.record(
          'edge',
          { name: 'until another primary serves', unit: 'ms' },
          { figure: performance.now() - startedMs },
        )
        await wait(PAUSE_MS)
      }
    })
    recordResult(lab, 'edge', result)
    assertNoneDropped(result)
  },
}
