import type { Lab, Scenario } from '../scenario.ts'
import { CONTESTANTS, type Contestant } from '../servers/server.ts'
import { START_RELOADABLE } from '../servers/reloadable.ts'
import { assertNoneDropped, recordResult, trial, type Result } from '../trial.ts'

const RELOADS = { full: 10, quick: 3 }
const PAUSE_MS = 1500

/** What they lose under the same load, each with two workers, in front of the same app. */
export const reloadUnderLoad: Scenario = {
  name: 'reload-under-load',
  question: 'How many requests fail during rolling reloads, under a mixed load?',
  async run(lab) {
    for (const contestant of CONTESTANTS.filter((one) => lab.contestants.includes(one))) {
      const result = await reload(contestant, lab)
      recordResult(lab, contestant, result)
      if (contestant === 'edge') assertNoneDropped(result)
    }
  },
}

function reload(contestant: Contestant, lab: Lab): Promise<Result> {
  const reloads = lab.quick ? RELOADS.quick : RELOADS.full
  const options = { name: 'reload-under-load', contestant, start: START_RELOADABLE[contestant] }
  return trial(options, lab, async ({ server, wait, tell }) => {
    for (let count = 1; count <= reloads; count++) {
      tell(`reload ${count} of ${reloads}`)
      await server.reload()
      await wait(PAUSE_MS)
    }
  })
}
