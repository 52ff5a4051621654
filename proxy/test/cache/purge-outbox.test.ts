import t from 'tap'
import { createPurgeOutbox } from '../../src/cache/purge-outbox.ts'
import { fromFields, type NumberedPurge } from '../../src/purge.ts'

const purgeOf = (number: number): NumberedPurge => ({ number, purge: fromFields({ tags: [`t${number}`] }) })

function createOutbox() {
  const stream: number[] = []
  const link = { isAway: false }
  const outbox = createPurgeOutbox(async (purges) => {
    await Promise.resolve()
    if (link.isAway) throw new Error('away')
    stream.push(...purges.map(({ number }) => number))
  })
  return { outbox, stream, link }
}

await t.test('purges are sent in their order, and leave when they are seen', async (t) => {
  const { outbox, stream } = createOutbox()
  for (let number = 1; number <= 250; number += 1) outbox.add(purgeOf(number))
  void outbox.flush()
  t.same(await Promise.all([outbox.sent(1), outbox.sent(250)]), [true, true])
  t.same(
    stream,
    Array.from({ length: 250 }, (_, index) => index + 1),
  )
  t.equal(outbox.oldest(), 1)
  outbox.confirm(200)
  t.equal(outbox.oldest(), 201)
  t.equal(outbox.size(), 50)
  t.equal(await outbox.sent(3), true, 'those that are seen are sent')
  outbox.confirm(250)
  t.equal(outbox.oldest(), undefined)
})

await t.test('what could not be sent is pending, and sent later', async (t) => {
  const { outbox, stream, link } = createOutbox()
  link.isAway = true
  outbox.add(purgeOf(1))
  const flushed = outbox.flush()
  t.equal(await outbox.sent(1), false)
  await flushed
  t.equal(await outbox.sent(1), false, 'nobody is sending now')
  link.isAway = false
  outbox.add(purgeOf(2))
  await outbox.flush()
  t.same(stream, [1, 2])
  t.equal(await outbox.sent(1), true)
})

await t.test('what was sent and not seen is sent once more, when it may be lost', async (t) => {
  const { outbox, stream } = createOutbox()
  for (const number of [1, 2, 3]) outbox.add(purgeOf(number))
  await outbox.flush()
  await outbox.flush()
  t.same(stream, [1, 2, 3])
  outbox.confirm(1)
  outbox.resend()
  await outbox.flush()
  t.same(stream, [1, 2, 3, 2, 3])
})

await t.test('too many are one purge of everything', async (t) => {
  const { outbox, link } = createOutbox()
  link.isAway = true
  for (let number = 1; number <= 10_001; number += 1) outbox.add(purgeOf(number))
  t.equal(outbox.size(), 1)
  t.equal(outbox.oldest(), 10_001)
})
