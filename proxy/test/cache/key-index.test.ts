import t from 'tap'
import { createKeyIndex } from '../../src/cache/key-index.ts'
import { fromFields, type PurgeFields } from '../../src/purge.ts'

const entries: readonly [key: string, tags: string[]][] = [
  ['https://a.test/', ['a', 'list']],
  ['http://a.test/', ['a', 'list']],
  ['https://a.test/notes/1', ['a']],
  ['https://a.test/notes/1?x', ['a']],
  ['https://a.test/notes/2', ['a']],
  ['https://a.test.other/', ['list']],
  ['https://b.test/', []],
]

await t.test('a purge finds entries by name, each name on its own', async (t) => {
  const index = createKeyIndex()
  for (const [key, tags] of entries) index.add(key, tags)
  const find = (fields: PurgeFields): string[][] => [...index.find(fromFields(fields))].map((keys) => [...keys])
  t.same(find({ hosts: ['b.test', 'c.test', 'a.test'] }), [
    ['https://b.test/'],
    [],
    [
      'http://a.test/',
      'https://a.test/',
      'https://a.test/notes/1',
      'https://a.test/notes/1?x',
      'https://a.test/notes/2',
    ],
  ])
  t.same(find({ urls: ['//a.test/', '//a.test/notes/1', '//a.test/notes/'] }), [
    ['http://a.test/', 'https://a.test/'],
    ['https://a.test/notes/1'],
    [],
  ])
  t.same(find({ prefixes: ['//a.test/notes/1'], tags: ['list'] }), [
    ['https://a.test/notes/1', 'https://a.test/notes/1?x'],
    ['https://a.test/', 'http://a.test/', 'https://a.test.other/'],
  ])
  for (const [key, tags] of entries) index.delete(key, tags)
  t.same(find({ hosts: ['a.test'], prefixes: ['//'], tags: ['a', 'list'] }), [[], [], [], []])
})

await t.test('entries may go and come while they are walked; one that comes is newer than the purge', async (t) => {
  const index = createKeyIndex()
  const keys = Array.from({ length: 5000 }, (_, n) => `https://a.test/${n}`)
  for (const key of keys) index.add(key, ['tag'])
  for (const fields of [{ tags: ['tag'] }, { hosts: ['a.test'] }]) {
    const seen: string[] = []
    for (const found of index.find(fromFields(fields))) {
      for (const key of found) {
        seen.push(key)
        index.delete(key, ['tag'])
        if ('tags' in fields) index.add(key, ['tag'])
      }
    }
    t.same(seen.toSorted(), keys.toSorted())
  }
})

await t.test('thousands of keys in random order are found as a plain search finds them', async (t) => {
  const index = createKeyIndex()
  const known = new Set<string>()
  let seed = 1
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
  for (let round = 0; round < 20_000; round += 1) {
    const key = `https://${random(30)}.test/${random(400).toString(36)}`
    if (random(3) === 0) {
      index.delete(key, [])
      known.delete(key)
    } else {
      index.add(key, [])
      known.add(key)
    }
  }
  const sorted = [...known].toSorted()
  for (const prefix of ['//1.test/', '//1', '//2', '//12.test/a', '//29.test/b', '//3.test/zz', '//', '//z']) {
    const [found = []] = index.find(fromFields({ prefixes: [prefix] }))
    t.same(
      [...found],
      sorted.filter((key) => key.startsWith(`https:${prefix}`)),
      prefix,
    )
  }
})
