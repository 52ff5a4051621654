import t from 'tap'
import { Parser } from '../../src/blogs/parser.ts'

const text = (content: string) => new TextEncoder().encode(content)

await t.test('parses one file after another', async (t) => {
  const parser = new Parser()
  t.teardown(() => parser.close())
  const parsed = await Promise.all(
    ['a', 'b'].map((title) => parser.parse(`${title}.md`, text(`---\ntitle: ${title}\n---\n`))),
  )
  t.strictSame(
    parsed.map(({ title }) => title),
    ['a', 'b'],
  )
})

await t.test('an author fault comes back as one', async (t) => {
  const parser = new Parser()
  t.teardown(() => parser.close())
  await t.rejects(parser.parse('a.md', text('---\ntitle: [\n---\n')), { name: 'SourceFault', message: /YAML/ })
  await t.rejects(parser.parse('a.md', new Uint8Array([0x61, 0xff, 0xfe])), { name: 'SourceFault', message: /UTF-8/ })
})

await t.test('a text that was built to be slow costs its own page, and the next file is parsed', async (t) => {
  const parser = new Parser(500)
  t.teardown(() => parser.close())
  const slow = parser.parse('slow.md', text('![['.repeat(600_000)))
  const next = parser.parse('next.md', text('# Next'))
  await t.rejects(slow, { name: 'SourceFault', message: /too long/ })
  t.equal((await next).heading, 'Next')
})
