import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startRedis } from '../../test/store/redis-server.ts'
import type { Scenario } from '../scenario.ts'
import { startTwoWorkers } from '../servers/reloadable.ts'
import { assertNoneDropped, recordResult, trial } from '../trial.ts'

const STOPPED = { fullMs: 60_000, quickMs: 6000 }
const AFTER_MS = 2000

/** Stopped, not ended: connections stay open and nobody answers, which is the worst way to be away. */
export const redisStopped: Scenario = {
  name: 'redis-stopped',
  question: 'How many requests for names in memory fail while Redis does not answer?',
  async run(lab) {
    const grounds = await lab.grounds()
    const folder = join(grounds.directory, 'redis-stopped')
    mkdirSync(folder, { recursive: true })
    const redis = await startRedis(folder)
    try {
      const stoppedMs = lab.quick ? STOPPED.quickMs : STOPPED.fullMs
      const environment = { EDGE_STORE: redis.url }
      const options = { name: 'redis-stopped', contestant: 'edge', start: startTwoWorkers, environment } as const
      const result = await trial(options, lab, async ({ wait, tell }) => {
        tell(`Redis is stopped for ${stoppedMs / 1000} s`)
        redis.suspend()
        await wait(stoppedMs)
        redis.resume()
        tell('Redis goes on')
        await wait(AFTER_MS)
      })
      recordResult(lab, 'edge', result)
      assertNoneDropped(result)
    } finally {
      await redis.stop()
    }
  },
}
