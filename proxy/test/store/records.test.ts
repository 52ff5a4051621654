import t from 'tap'
import type { AcmeAccount, Failure, TicketKey } from '../../src/certificates/contracts.ts'
import { pollUntil } from '../until.ts'
import { makeKey } from '../certificates/factory.ts'
import { makePlace } from './stores.ts'

/** What machines share in small records: the same on files and on Redis. */
for (const kind of ['file', 'redis'] as const) {
  await t.test(`${kind} store`, async (t) => {
    const place = await makePlace(t, kind)
    const [one, two] = [await place.open(t), await place.open(t)]

    await t.test('whoever is asked knows the answer of a challenge, until its time is over', async (t) => {
      await one.tokens.put('a-token', 'a-token.thumbprint', 60_000)
      t.equal(await two.tokens.read('a-token'), 'a-token.thumbprint')
      t.equal(await two.tokens.read('another'), undefined)
      t.equal(await two.tokens.read('../../no token'), undefined)
      await two.tokens.remove('a-token')
      t.equal(await one.tokens.read('a-token'), undefined)
      await one.tokens.put('brief', 'x', 20)
      await pollUntil(async () => (await two.tokens.read('brief')) === undefined)
      await t.rejects(one.tokens.put('no token', 'x', 1_000), TypeError)
    })

    await t.test('one account a CA and address: that of the first', async (t) => {
      const id = { directoryUrl: 'https://ca.example/dir', email: 'me@example.com' }
      const make = (url: string): AcmeAccount => ({ ...id, url, privateKeyPem: makeKey() })
      t.equal(await one.accounts.read(id), undefined)
      const [mine, yours] = [make('https://ca.example/1'), make('https://ca.example/2')]
      const kept = await Promise.all([one.accounts.keepFirst(mine), two.accounts.keepFirst(yours)])
      t.same(kept[0], kept[1])
      t.ok([mine.url, yours.url].includes(kept[0].url))
      t.same(await two.accounts.read(id), kept[0])
      t.equal(await two.accounts.read({ ...id, email: 'you@example.com' }), undefined)
      t.equal(await two.accounts.read({ ...id, directoryUrl: 'https://other.example/dir' }), undefined)
    })

    await t.test('failures are remembered, listed and forgotten', async (t) => {
      const failure: Failure = {
        count: 2,
        atMs: 1,
        nextTryAtMs: 2,
        code: 'EDGE_ERR_X',
        kind: 'caa',
        detail: 'a “word”',
      }
      await one.failures.write('a.example', failure)
      await one.failures.write('*.b_c.example', { ...failure, kind: undefined, detail: 'x'.repeat(100_000) })
      t.same(await two.failures.read('a.example'), failure)
      t.ok(((await two.failures.read('*.b_c.example'))?.detail.length ?? 0) < 10_000, 'a CA’s words are bounded')
      const names: string[] = []
      for await (const { name } of two.failures.list()) names.push(name)
      t.same(names.toSorted(), ['*.b_c.example', 'a.example'])
      await two.failures.remove('a.example')
      t.equal(await one.failures.read('a.example'), undefined)
    })

    await t.test('keys of session tickets are replaced by one machine at a time', async (t) => {
      const make = (createdAtMs: number): TicketKey => ({ secret: 'c2VjcmV0', createdAtMs })
      const [first, other, next] = [make(1), make(2), make(3)]
      t.same(await one.tickets.read(), [])
      const both = await Promise.all([one.tickets.replace([], [first]), two.tickets.replace([], [other])])
      t.same(both[0], both[1])
      t.same(await two.tickets.replace([next], []), both[0], 'nothing is replaced that is not there')
      t.same(await two.tickets.replace(both[0], [next, ...both[0]]), [next, ...both[0]])
      t.same(await one.tickets.read(), [next, ...both[0]])
    })

    await t.test('changes are heard by all, and only while they listen', async (t) => {
      const heard: unknown[] = []
      const listening = [one, two].map((store) => store.changes.subscribe((change) => heard.push(change)))
      const ping = { kind: 'permission', name: 'ping.example' } as const
      // Redis takes a moment to listen.
      await pollUntil(async () => {
        await one.changes.publish(ping)
        return heard.length >= 2
      })
      await one.changes.publish({ kind: 'certificate', name: 'a.example' })
      await two.changes.publish({ kind: 'tickets' })
      await pollUntil(() => heard.filter((change) => JSON.stringify(change).includes('tickets')).length === 2)
      const others = heard.filter((change) => !JSON.stringify(change).includes('ping.example'))
      t.same(others.length, 4)
      t.strictSame(new Set(others.map((change) => JSON.stringify(change))).size, 2)
      const [stop] = listening
      stop?.()
      const before = heard.length
      await one.changes.publish({ kind: 'tickets' })
      await pollUntil(() => heard.length > before)
      t.equal(heard.length, before + 1)
      listening[1]?.()
    })

    await t.test('the schedule gives what is due, the earliest first', async (t) => {
      const { schedule } = one
      for (const [name, dueAtMs] of [
        ['c.example', 300],
        ['a.example', 100.6],
        ['b.example', 200],
      ] as const) {
        await schedule.set(name, dueAtMs)
      }
      t.same(await two.schedule.due(250, 10), ['a.example', 'b.example'])
      t.same(await two.schedule.due(1_000, 1), ['a.example'])
      await schedule.set('a.example', 900)
      t.same(await two.schedule.due(1_000, 10), ['b.example', 'c.example', 'a.example'])
      t.equal(await two.schedule.dueAtMs('a.example'), 900)
      t.equal(await two.schedule.dueAtMs('z.example'), undefined)
      await two.schedule.remove('b.example')
      t.equal(await schedule.size(), 2)
    })

    await t.test('what was kept is there after all have closed', async (t) => {
      const again = await place.open(t)
      t.equal(await again.schedule.size(), 2)
      t.equal((await again.tickets.read()).length, 2)
    })
  })
}
