import t from 'tap'
import { wasUnderWay, type Moment } from '../../bench/load/mixed/judge.ts'
import type { Incident } from '../../bench/load/mixed/outcomes.ts'
import { killWorker, processesOf, type EdgeProcess } from '../../bench/servers/edge-processes.ts'
import { post } from '../../bench/servers/reloadable.ts'
import { startRedis } from '../store/redis-server.ts'
import { until } from '../until.ts'
import { assertExplained, startLoaded } from './mixed-load.ts'

/**
 * Visitors of every kind are there all the while and each of their requests is counted, while the edge reloads, and while a worker,
 * Redis and the app are killed or stopped. Each failure must be one of those that are named here.
 */

/** Requests of all visitors before whatever comes next. */
const MANY = 100
const APP_KILLS = 2
/** These do not need an app. */
const KEPT: ReadonlySet<string> = new Set(['pages', 'webhooks'])

// What throws in here takes with it whatever it has started.
await t.test('an edge that is not left alone', async (t) => {
  const redis = await startRedis(t.testdir())
  t.teardown(() => redis.stop())
  const { edge, app, answered, incidents, end, audit } = await startLoaded(t, { EDGE_STORE: redis.url })

  /** What the visitors of a killed worker lost, and what the app was at when it was killed. */
  const owned = new Set<number>()
  const appKills: Moment[] = []
  const isExplained = (incident: Incident): boolean =>
    owned.has(incident.port) || (!KEPT.has(incident.kind) && wasUnderWay(incident, appKills))

  await t.test('nothing happens, and nothing fails', async (t) => {
    await answered(MANY)
    assertExplained(t, await incidents())
  })

  await t.test('the edge reloads, and nobody notices', async (t) => {
    await post(edge, '/reload')
    await answered(MANY)
    assertExplained(t, await incidents())
  })

  await t.test('Redis does not answer: names in memory are served, and webhooks are kept', async (t) => {
    redis.suspend()
    await answered(MANY)
    await answered(5, 'webhooks')
    redis.resume()
    await answered(MANY)
    assertExplained(t, await incidents())
  })

  await t.test('a worker is killed, and only its own connections are', async (t) => {
    const { id, pid, owned: lost } = await killWorker(edge)
    for (const port of lost) owned.add(port)
    const isNext = (one: EdgeProcess): boolean => one.id === id && one.pid !== pid && one.state === 'running'
    await until('another worker takes its place', async () => (await processesOf(edge)).some(isNext))
    await answered(MANY)
    assertExplained(t, await incidents(), isExplained)
    t.ok(lost.size > 0, `it held ${lost.size} connections`)
  })

  await t.test('the app is killed and starts again: what it was not at waits for it', async (t) => {
    for (let kill = 0; kill < APP_KILLS; kill++) {
      appKills.push(await app.kill())
      await answered(20, 'pages')
      await answered(5, 'webhooks')
      await app.start()
      await answered(20, 'posts')
      assertExplained(t, await incidents(), isExplained)
    }
  })

  await t.test('at the end, what was acknowledged has been done, and nothing twice', async (t) => {
    assertExplained(t, await end(), isExplained)
    await until(
      'webhooks that were acknowledged are delivered',
      () => audit().webhooks.lost.length === 0,
      () => `${audit().webhooks.lost.join(', ')} are not`,
    )
    const { posts, webhooks, forged } = audit()
    t.match({ posts, webhooks, forged }, { posts: { lost: [], twice: [] }, webhooks: { lost: [] }, forged: 0 })
    t.ok(posts.acked > 0 && webhooks.acked > 0, `${posts.acked} POSTs and ${webhooks.acked} webhooks`)
  })
})
