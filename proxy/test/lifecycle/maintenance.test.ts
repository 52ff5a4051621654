import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ChannelClosed, MaintenanceUnwritten } from '../../src/errors.ts'
import type { CallHandlers, Channel } from '../../src/lifecycle/channel.ts'
import { openMaintenanceManager, openWorkerMaintenance } from '../../src/lifecycle/maintenance.ts'
import { temporaryDirectory } from '../integration/edge.ts'

/** A channel to workers that take what they are told by their handlers, as over the primary. */
function channelTo(workers: readonly CallHandlers[]): Channel {
  const call = (_to: string, _kind: string, ask: never): Promise<unknown[]> =>
    workers.length === 0
      ? Promise.reject(new ChannelClosed('worker'))
      : Promise.all(workers.map(async (handlers) => handlers.useMaintenance?.(ask)))
  return { call } as unknown as Channel
}

const ON = { on: true, retryAfterS: 600, message: 'Moving house.' } as const

await t.test('the switch reaches every worker at once, and outlives all of them', async (t) => {
  const config = { dataDirectory: temporaryDirectory(t), maintenance: false }
  const handlers: CallHandlers[] = [{}, {}]
  const workers = await Promise.all(handlers.map((its) => openWorkerMaintenance(config, its)))
  const manager = openMaintenanceManager(config, channelTo(handlers))
  t.same(await manager.view(), { on: false, by: [] })
  t.same(
    workers.map(({ closed }) => closed()),
    [undefined, undefined],
  )

  const view = await manager.set(ON)
  t.match(view, { on: true, by: ['switch'], retryAfter: 600, message: 'Moving house.', since: /^\d{4}-.*Z$/ })
  for (const { closed } of workers)
    t.match(closed(), { code: 'EDGE_ERR_MAINTENANCE', retryAfterS: 600, words: ON.message })

  const later = await openWorkerMaintenance(config, {})
  t.match(later.closed(), { retryAfterS: 600 }, 'a worker that starts without a manager')
  const next = openMaintenanceManager(config, channelTo(handlers))
  t.same(await next.view(), view, 'another manager')
  t.match(await next.set({ ...ON, retryAfterS: 5 }), { since: view.since, retryAfter: 5 }, 'switched on again')
  t.match(await manager.view(), { retryAfter: 5 }, 'the one before it, while both are there')

  t.same(await next.set({ on: false }), { on: false, by: [] })
  t.same(
    workers.map(({ closed }) => closed()),
    [undefined, undefined],
  )
  t.equal((await openWorkerMaintenance(config, {})).closed(), undefined)
  t.same(await next.set({ on: false }), { on: false, by: [] }, 'off again')
})

await t.test('orders that come at once are carried out one after the other', async (t) => {
  const config = { dataDirectory: temporaryDirectory(t), maintenance: false }
  const handlers: CallHandlers = {}
  const { closed } = await openWorkerMaintenance(config, handlers)
  const manager = openMaintenanceManager(config, channelTo([handlers]))
  await Promise.all([manager.set(ON), manager.set({ on: false }), manager.set({ ...ON, retryAfterS: 7 })])
  t.match(closed(), { retryAfterS: 7 })
  t.match(await manager.view(), { retryAfter: 7 })
})

await t.test('a worker that starts while it is switched knows by the time it serves', async (t) => {
  const config = { dataDirectory: temporaryDirectory(t), maintenance: false }
  const handlers: CallHandlers = {}
  const worker = await openWorkerMaintenance(config, handlers)
  // One that is not ready yet is told of nothing.
  await openMaintenanceManager(config, channelTo([])).set(ON)
  await worker.refresh()
  t.match(worker.closed(), { retryAfterS: 600 })

  const refreshed = worker.refresh()
  await handlers.useMaintenance?.({ switched: null })
  await refreshed
  t.equal(worker.closed(), undefined, 'what it is told is newer than what it reads')
})

await t.test('BLOT_MAINTENANCE counts beside it', async (t) => {
  const config = { dataDirectory: temporaryDirectory(t), maintenance: true }
  const handlers: CallHandlers = {}
  const { closed } = await openWorkerMaintenance(config, handlers)
  const manager = openMaintenanceManager(config, channelTo([handlers]))
  t.match(closed(), { retryAfterS: 120, words: undefined })
  t.match(await manager.set(ON), { by: ['BLOT_MAINTENANCE', 'switch'], retryAfter: 600 })
  await t.rejects(manager.set({ on: false }), { code: 'EDGE_ERR_MAINTENANCE_CONFIGURED', statusCode: 409 })
  t.same(
    await manager.view(),
    { on: true, by: ['BLOT_MAINTENANCE'], retryAfter: 120 },
    'the switch is off all the same',
  )
  t.match(closed(), { retryAfterS: 120, words: undefined })
})

await t.test('a switch that cannot be read is on, and one that cannot be written is as it was', async (t) => {
  const dataDirectory = temporaryDirectory(t)
  const config = { dataDirectory, maintenance: false }
  writeFileSync(join(dataDirectory, 'maintenance.json'), '{"since": "20')
  t.match((await openWorkerMaintenance(config, {})).closed(), { retryAfterS: 120 })
  const manager = openMaintenanceManager(config, channelTo([]))
  t.match(await manager.view(), { on: true, by: ['switch'], retryAfter: 120 })
  t.same(await manager.set({ on: false }), { on: false, by: [] }, 'no worker is there to be told')

  const absent = { ...config, dataDirectory: join(dataDirectory, 'absent') }
  await t.rejects(openMaintenanceManager(absent, channelTo([])).set(ON), MaintenanceUnwritten)
  mkdirSync(absent.dataDirectory)
  chmodSync(absent.dataDirectory, 0o700)
  t.match(await openMaintenanceManager(absent, channelTo([])).set(ON), { on: true })
})
