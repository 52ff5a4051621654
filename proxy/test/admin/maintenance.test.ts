import t from 'tap'
import type { MaintenanceOrder } from '../../src/maintenance.ts'
import { ask, askJson, startAdmin, STATUS } from './start.ts'

await t.test('POST /maintenance says what is wanted, in so many words', async (t) => {
  const orders: MaintenanceOrder[] = []
  const view = { on: true, by: ['switch' as const], retryAfter: 600 }
  const { url } = await startAdmin(t, {
    maintenance: {
      view: async () => view,
      async set(order) {
        orders.push(order)
        return view
      },
    },
  })
  const post = (body: unknown) => askJson(`${url}/maintenance`, { method: 'POST', body: JSON.stringify(body) })
  t.same(await post({ on: true, retryAfter: 600, message: 'Moving house.' }), { status: 200, body: view })
  t.equal((await post({ on: true })).status, 200)
  t.equal((await post({ on: false })).status, 200)
  t.same(orders, [
    { on: true, retryAfterS: 600, message: 'Moving house.' },
    { on: true, retryAfterS: 120, message: undefined },
    { on: false },
  ])
  t.same(await askJson(`${url}/maintenance`), { status: 200, body: view })

  const wrong: readonly [body: unknown, words: RegExp][] = [
    [{}, /expected \{"on": true/],
    [null, /expected \{"on": true/],
    [[true], /"0" is unknown/],
    [{ on: 'yes' }, /expected/],
    [{ on: true, retry: 1 }, /"retry" is unknown/],
    [{ on: false, message: 'x' }, /"on" is false, and there is more/],
    [{ on: true, retryAfter: 0 }, /seconds, 1 to 604800/],
    [{ on: true, retryAfter: '600' }, /seconds/],
    [{ on: true, retryAfter: 604_801 }, /seconds/],
    [{ on: true, message: 'two\nlines' }, /one line of up to 300/],
    [{ on: true, message: 'x'.repeat(301) }, /one line of up to 300/],
  ]
  for (const [body, words] of wrong) {
    const refused = await post(body)
    t.match(
      refused,
      { status: 400, body: { code: 'EDGE_ERR_MAINTENANCE_INVALID', error: words } },
      JSON.stringify(body),
    )
  }
  t.equal(orders.length, 3)
})

await t.test('GET /ready and /metrics tell of it', async (t) => {
  const view = { on: true, by: ['BLOT_MAINTENANCE' as const] }
  const { url } = await startAdmin(t, {
    maintenance: { view: async () => view, set: async () => view },
    status: async () => ({ ...STATUS, maintenance: view }),
  })
  t.match((await ask(`${url}/metrics`)).text, '\nblot_edge_maintenance 1\n')
  t.same(await askJson(`${url}/ready`), {
    status: 200,
    body: { ready: true, degraded: ['in maintenance, by BLOT_MAINTENANCE'] },
  })
})
