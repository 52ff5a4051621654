import t from 'tap'
import { parseDate, readFrontMatter } from '../../src/blogs/front-matter.ts'

const faulty = (yaml: string) => () => readFrontMatter(`---\n${yaml}\n---\ntext`)

await t.test('fields of any case are read, the body is what follows', async (t) => {
  const source =
    '---\nTitle: A post\nDATE: 2026-05-17 08:30\ntags: [soil, "early spring", 2026]\nlink: /about\ndraft: true\n---\nText\n'
  const { metadata, body } = readFrontMatter(source)
  t.strictSame(metadata, {
    title: 'A post',
    date: new Date('2026-05-17T08:30:00Z'),
    tags: ['soil', 'early spring', '2026'],
    link: '/about',
    draft: true,
  })
  t.equal(body, 'Text\n')
})

await t.test('front matter may be missing, empty, or hold unknown fields', async (t) => {
  t.equal(readFrontMatter('# Only text').body, '# Only text')
  t.equal(readFrontMatter('---\n---\nText').body, 'Text')
  t.equal(readFrontMatter('---\nmood: calm\n---\nText').metadata.title, undefined)
  t.strictSame(readFrontMatter('---\ntags: a, b,, a\n---\n').metadata.tags, ['a', 'b'])
})

await t.test('a line of dashes at the top is a rule unless a field follows', async (t) => {
  t.equal(readFrontMatter('---\n\nText').body, '---\n\nText')
  t.throws(() => readFrontMatter('---\ntitle: x\n\nText'), { name: 'SourceFault', message: /never closed/ })
})

await t.test('each fault says what would be right', async (t) => {
  t.throws(faulty('title: [One'), { name: 'SourceFault', message: /not valid YAML, line \d/ })
  t.throws(faulty('- a list'), { message: /must hold fields/ })
  t.throws(faulty('title: {a: b}'), { message: /"title" must be a text/ })
  t.throws(faulty('date: yesterday'), { message: /"date" must look like 2026-05-17.*yesterday/ })
  t.throws(faulty('date: 2026-02-30'), { message: /"date"/ })
  t.throws(faulty('tags: {a: b}'), { message: /"tags"/ })
  t.throws(faulty('link: [a]'), { message: /"link"/ })
  t.throws(faulty('draft: perhaps'), { message: /"draft"/ })
})

await t.test('a YAML bomb is a fault, not a full memory', async (t) => {
  const levels = Array.from({ length: 9 }, (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`)
  t.throws(() => readFrontMatter(`---\na0: &a0 [x]\n${levels.join('\n')}\n---\n`))
})

await t.test('dates', async (t) => {
  t.strictSame(parseDate('2026-05-17'), new Date('2026-05-17T00:00:00Z'))
  t.strictSame(parseDate('2026-05-17T08:30:15+02:00'), new Date('2026-05-17T06:30:15Z'))
  for (const wrong of ['', '2026', '17.05.2026', '2026-13-01', '2026-05-17 25:00', '2026-04-31']) {
    t.equal(parseDate(wrong), undefined, wrong)
  }
})
