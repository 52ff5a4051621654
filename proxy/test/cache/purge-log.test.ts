import t from 'tap'
import { createPurgeLog, type AnswerNames, type PurgeLog } from '../../src/cache/purge-log.ts'
import { EVERYTHING, fromFields, type PurgeFields } from '../../src/purge.ts'

const PAGE: AnswerNames = { host: 'a.test', url: 'https://a.test/notes/1?x=1', tags: ['blog:a', 'post:1'] }

function logOf(...purges: PurgeFields[]): PurgeLog {
  const log = createPurgeLog()
  log.startAfter(100)
  for (const [index, fields] of purges.entries()) log.add({ number: 101 + index, purge: fromFields(fields) })
  return log
}

await t.test('a purge finds an answer by each of its names, and by no other', async (t) => {
  const found: PurgeFields[] = [
    { hosts: ['a.test'] },
    { urls: ['//a.test/notes/1?x=1'] },
    { prefixes: ['//a.test/'] },
    { prefixes: ['//a.test/not'] },
    { prefixes: ['//a.test/notes/1?x=1'] },
    { tags: ['post:1'] },
    { everything: true },
    { hosts: ['b.test'], tags: ['x', 'blog:a'] },
  ]
  for (const fields of found) {
    const log = logOf(fields)
    t.equal(log.position(), 101)
    t.equal(log.verdict(PAGE, 100), 'drop', JSON.stringify(fields))
    t.equal(log.verdict({ ...PAGE, url: PAGE.url.replace('https', 'http') }, 100), 'drop', 'over http as well')
    t.equal(log.verdict(PAGE, 101), 'keep', 'begun after it')
    t.equal(logOf({ ...fields, soft: true }).verdict(PAGE, 100), 'stale', 'soft')
    t.equal(logOf({ ...fields, soft: true }).verdict(PAGE, 101), 'keep')
  }
  const others: PurgeFields[] = [
    { hosts: ['b.test', 'x.a.test'] },
    { urls: ['//a.test/notes/1', '//a.test/notes/1?x=12'] },
    { prefixes: ['//a.test/notes/1?x=12', '//b.test/', '//a.test/notes/2'] },
    { tags: ['post', 'post:11', 'a.test'] },
    {},
  ]
  for (const fields of others) t.equal(logOf(fields).verdict(PAGE, 100), 'keep', JSON.stringify(fields))
})

await t.test('each later purge counts, in whatever order hard and soft ones come', async (t) => {
  const log = logOf({ hosts: ['a.test'] }, { hosts: ['a.test'], soft: true }, { tags: ['other'] })
  t.equal(log.verdict(PAGE, 100), 'drop')
  t.equal(log.verdict(PAGE, 101), 'stale')
  t.equal(log.verdict(PAGE, 102), 'keep')
  const all = logOf({ everything: true, soft: true }, { tags: ['post:1'] })
  t.equal(all.verdict(PAGE, 100), 'drop')
  t.equal(all.verdict({ ...PAGE, tags: [] }, 100), 'stale')
})

await t.test('what the kept sequence does not reach back to is dropped', async (t) => {
  const log = logOf({ tags: ['other'] })
  t.equal(log.verdict(PAGE, 99), 'drop', 'before the sequence')
  t.equal(log.verdict(PAGE, 5000), 'drop', 'from another sequence')
  t.equal(createPurgeLog().verdict(PAGE, 0), 'keep', 'nothing was ever purged')
})

await t.test(
  'memory is bounded: the oldest names are forgotten, and nothing is kept that they might name',
  async (t) => {
    const log = createPurgeLog(10_000)
    const purge = (number: number, fields: PurgeFields): void => log.add({ number, purge: fromFields(fields) })
    purge(1, { hosts: ['a.test'] })
    purge(2, { prefixes: ['//a.test/'] })
    for (let number = 3; number < 1000; number += 1) purge(number, { tags: [`t${number}`], hosts: ['busy.test'] })
    t.equal(log.verdict(PAGE, 1), 'drop')
    t.equal(log.verdict(PAGE, 500), 'drop', 'forgotten by now')
    t.equal(log.verdict(PAGE, 990), 'keep')
    t.equal(log.verdict({ ...PAGE, tags: ['t995'] }, 990), 'drop')
    const busy = createPurgeLog(10_000)
    busy.add({ number: 1, purge: fromFields({ tags: ['first'] }) })
    for (let number = 2; number < 1000; number += 1) busy.add({ number, purge: fromFields({ hosts: ['busy.test'] }) })
    t.equal(busy.verdict(PAGE, 0), 'keep', 'one name purged often takes the place of one')
  },
)

await t.test('fields that nobody understands are a purge of everything', async (t) => {
  for (const fields of [undefined, null, 'x', { hosts: 'a' }, { tags: [1] }, { paths: [] }, { everything: 1 }]) {
    t.equal(fromFields(fields).everything, true, JSON.stringify(fields))
  }
  t.equal(fromFields({ everything: true, soft: true }).soft, true)
  t.equal(fromFields({ soft: 'yes' }).soft, false)
})

await t.test('the latest purge that is about an answer, by the name that it has in common with it', async (t) => {
  const log = createPurgeLog()
  const add = (number: number, fields: PurgeFields): void =>
    log.add({ number, purge: fromFields(fields), atMs: number * 1000 })
  t.equal(log.latest(PAGE), undefined)
  add(1, { hosts: [PAGE.host] })
  t.same(log.latest(PAGE), { name: `host ${PAGE.host}`, number: 1, soft: false, atMs: 1000 })
  add(2, { prefixes: [PAGE.url.slice(PAGE.url.indexOf('//'), -1)], soft: true })
  t.match(log.latest(PAGE), { name: /^prefix /, number: 2, soft: true })
  add(3, { tags: ['nobody-has-it'], hosts: ['elsewhere.test'] })
  t.match(log.latest(PAGE), { number: 2 }, 'others are not about it')
  log.add({ number: 4, purge: fromFields({ tags: [...PAGE.tags] }) })
  t.same(log.latest(PAGE), { name: `tag ${PAGE.tags[0]}`, number: 4, soft: false }, 'when is not known')
  log.add({ number: 5, purge: EVERYTHING })
  t.match(log.latest(PAGE), { name: 'everything', number: 5, soft: false })
})
