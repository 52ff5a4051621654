import t from 'tap'
import { createChallengeReader } from '../../src/certificates/challenge-reader.ts'

await t.test('a flood of tokens does not queue up in the store', async (t) => {
  const waiting: PromiseWithResolvers<string | undefined>[] = []
  const read = createChallengeReader({
    read() {
      const answer = Promise.withResolvers<string | undefined>()
      waiting.push(answer)
      return answer.promise
    },
  })
  const asked = Array.from({ length: 200 }, (_, index) => read(`token-${index}`, `192.0.2.${index}`))
  t.equal(waiting.length, 64)
  const refused = await Promise.allSettled(asked.slice(64))
  for (const outcome of refused) t.match(outcome, { reason: { code: 'EDGE_ERR_STORE_UNAVAILABLE' } })
  waiting[0]?.resolve('its answer')
  waiting[1]?.reject(new Error('away'))
  const [answered, failed] = await Promise.allSettled(asked.slice(0, 2))
  t.match([answered, failed], [{ value: 'its answer' }, { reason: { message: 'away' } }])
  const next = [read('a', '192.0.2.1'), read('b', '192.0.2.2')]
  t.equal(waiting.length, 66, 'each that ends makes room for one')
  for (const { resolve } of waiting) resolve(undefined)
  t.strictSame(await Promise.all(next), [undefined, undefined])
})

await t.test('one visitor who asks for many leaves room for the CA', async (t) => {
  const waiting: PromiseWithResolvers<string | undefined>[] = []
  const read = createChallengeReader({
    read() {
      const answer = Promise.withResolvers<string | undefined>()
      waiting.push(answer)
      return answer.promise
    },
  })
  const flood = Array.from({ length: 200 }, (_, index) => read(`token-${index}`, `2001:db8::${index}`))
  t.equal(waiting.length, 16)
  const asked = read('of-the-order', '203.0.113.7')
  waiting[16]?.resolve('its answer')
  t.equal(await asked, 'its answer')
  for (const { resolve } of waiting) resolve(undefined)
  const outcomes = await Promise.allSettled(flood)
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 16)
  const again = read('later', '2001:db8::1')
  waiting[17]?.resolve(undefined)
  t.equal(await again, undefined, 'and may ask again')
})
