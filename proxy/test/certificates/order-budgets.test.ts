import t from 'tap'
import { createOrderBudgets } from '../../src/certificates/order-budgets.ts'
import { AcmeProblem } from '../../src/errors.ts'
import { makePlace } from '../store/stores.ts'
import type { OrderBudgets, OrderLimits } from '../../src/certificates/order-budgets.ts'

const HOUR_MS = 3600_000
const LIMITS: OrderLimits = {
  orders: { count: 6, windowMs: HOUR_MS },
  domain: { count: 3, windowMs: HOUR_MS },
  set: { count: 2, windowMs: HOUR_MS },
  failures: { count: 2, windowMs: HOUR_MS },
}
const LIMITED = { code: 'EDGE_ERR_CERTIFICATE_LIMITED' }

function refusal(kind: string, detail: string, retryAfterMs?: number): AcmeProblem {
  return new AcmeProblem({ kind, status: kind === 'rateLimited' ? 429 : 403, detail, retryAfterMs })
}

async function fail(budgets: OrderBudgets, name: string, error: unknown): Promise<void> {
  await (await budgets.take(name, 'first')).failed(error)
}

for (const kind of ['file', 'redis'] as const) {
  await t.test(`on ${kind}`, async (t) => {
    const place = await makePlace(t, kind)
    /** Two machines with an account of their own for each test. */
    const open = async (account: string): Promise<[OrderBudgets, OrderBudgets]> => [
      createOrderBudgets((await place.open(t)).budgets, LIMITS, account),
      createOrderBudgets((await place.open(t)).budgets, LIMITS, account),
    ]

    await t.test('certificates of one registered domain, counted for all machines', async (t) => {
      const [one, two] = await open('domain')
      await one.take('a.shop.co.uk', 'first')
      await two.take('b.shop.co.uk', 'first')
      await one.take('c.shop.co.uk', 'first')
      await t.rejects(two.take('d.shop.co.uk', 'first'), { ...LIMITED, message: /domain:shop\.co\.uk is used up/ })
      await two.take('other.co.uk', 'first')
      t.match(await one.look('d.shop.co.uk'), { scope: 'domain:shop.co.uk' })
      await t.resolves(two.take('d.shop.co.uk', 'renewal'), 'renewals are exempt from it')
    })

    await t.test('the same names, and renewals that say what they replace', async (t) => {
      const [one, two] = await open('set')
      await one.take('again.example', 'renewal')
      await two.take('again.example', 'renewal')
      await t.rejects(one.take('again.example', 'renewal'), { ...LIMITED, message: /set:again\.example/ })
      for (let order = 0; order < 9; order += 1) await one.take('again.example', 'replacement')
    })

    await t.test('an order that came to nothing counts as an order, not as a certificate', async (t) => {
      const [one, two] = await open('nothing')
      for (let index = 0; index < 6; index += 1)
        await fail(one, `s${index}.poor.test`, refusal('serverInternal', 'oops'))
      await t.rejects(two.take('next.rich.test', 'first'), { ...LIMITED, message: /orders:nothing/ })
      t.equal(await two.look('s0.poor.test').then((limit) => limit?.scope), 'orders:nothing')
    })

    await t.test('failed validations of a host', async (t) => {
      const [one, two] = await open('failures')
      await fail(one, 'broken.test', refusal('dns', 'no address'))
      await fail(two, 'broken.test', refusal('connection', 'refused'))
      await t.rejects(one.take('broken.test', 'first'), { ...LIMITED, message: /failures:broken\.test/ })
      await t.rejects(two.take('broken.test', 'replacement'), LIMITED)
      await two.take('www.broken.test', 'first')
    })

    await t.test('Retry-After shuts what the CA speaks of, for all machines', async (t) => {
      const until = 'in the last 168h0m0s, retry after 2026-12-01 00:00:00 UTC'
      const rows: [detail: string, scope: string, open: string | undefined][] = [
        [
          `too many certificates (5) already issued for this exact set of identifiers ${until}`,
          'set:a.row0.test',
          'b.row0.test',
        ],
        [`too many certificates (50) already issued for "row1.test" ${until}`, 'domain:row1.test', 'a.other1.test'],
        [`too many failed authorizations (5) for "a.row2.test" ${until}`, 'failures:a.row2.test', 'b.row2.test'],
        [`too many new orders (300) from this account ${until}`, 'orders:retry3', undefined],
        ['the CA is tired', 'account:retry4', undefined],
      ]
      for (const [index, [detail, scope, other]] of rows.entries()) {
        const [one, two] = await open(`retry${index}`)
        await fail(one, `a.row${index}.test`, refusal('rateLimited', detail, HOUR_MS))
        const limit = await two.look(`a.row${index}.test`)
        t.equal(limit?.scope, scope)
        t.match(limit?.reason, detail)
        t.ok((limit?.untilMs ?? 0) > Date.now() + HOUR_MS - 60_000)
        await t.rejects(two.take(`a.row${index}.test`, 'first'), LIMITED)
        if (other === undefined) await t.rejects(two.take('unlike.test', 'first'), LIMITED, 'every name')
        else await t.resolves(two.take(other, 'first'), other)
      }
    })
  })
}
