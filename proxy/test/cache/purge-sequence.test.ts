import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { openPurgeJournal, readPurgeJournal } from '../../src/cache/purge-journal.ts'
import { createPurgeSequence } from '../../src/cache/purge-sequence.ts'
import { fromFields } from '../../src/purge.ts'

const purgeOf = (host: string) => fromFields({ hosts: [host] })

await t.test('a purge is on disk before anybody applies it, and answered when everybody has', async (t) => {
  const directory = t.testdir()
  const journal = await openPurgeJournal(directory)
  t.teardown(() => journal.close())
  const applied: number[] = []
  const sequence = createPurgeSequence({
    journal,
    async apply(purges) {
      const { entries } = await readPurgeJournal(directory)
      const numbers = purges.map(({ number }) => number)
      t.same(
        entries.map(({ number }) => number).filter((number) => numbers.includes(number)),
        numbers,
      )
      await setTimeout(1)
      applied.push(...numbers)
      return purges.map(({ purge }) => [purge.hosts.length])
    },
  })
  const { after } = journal.kept
  t.equal(sequence.position(), after)
  const answers = await Promise.all(
    Array.from({ length: 500 }, async (_, index) => {
      const { number, counts } = await sequence.add(purgeOf(`${index}.test`), 'here')
      t.ok(applied.includes(number))
      t.same(counts, [1])
      return number
    }),
  )
  t.same(
    answers,
    Array.from({ length: 500 }, (_, index) => after + 1 + index),
    'in the order in which they came',
  )
  t.same(applied, answers)
})

await t.test('what cannot be written is applied by nobody, and takes no number', async (t) => {
  const journal = await openPurgeJournal(t.testdir())
  t.teardown(() => journal.close())
  let isFull = true
  const applied: string[] = []
  const sequence = createPurgeSequence({
    journal: {
      ...journal,
      append: async (entries) => (isFull ? Promise.reject(new Error('full')) : journal.append(entries)),
    },
    async apply(purges) {
      applied.push(...purges.flatMap(({ purge }) => purge.hosts))
      return purges.map(() => [])
    },
  })
  await t.rejects(sequence.add(purgeOf('a.test'), 'here'), { code: 'EDGE_ERR_PURGE_UNWRITTEN' })
  isFull = false
  t.equal((await sequence.add(purgeOf('b.test'), 'here')).number, journal.kept.after + 1)
  t.same(applied, ['b.test'])
})

await t.test('one that a worker did not apply fails, and the next ones do not wait for it', async (t) => {
  const journal = await openPurgeJournal(t.testdir())
  t.teardown(() => journal.close())
  const hung = Promise.withResolvers<number[][]>()
  const sequence = createPurgeSequence({
    journal,
    apply: (purges) => (purges[0]?.purge.hosts[0] === 'hung.test' ? hung.promise : Promise.resolve([[1]])),
  })
  const first = sequence.add(purgeOf('hung.test'), 'here')
  await sequence.add(purgeOf('a.test'), 'here')
  hung.reject(new Error('away'))
  await t.rejects(first, { message: 'away' })
})
