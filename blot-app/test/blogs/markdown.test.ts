import t from 'tap'
import { renderMarkdown } from '../../src/blogs/markdown.ts'

const html = (body: string, source = 'Posts/2026/a.md') => renderMarkdown(body, source).html

await t.test('a leading heading is the title and not repeated', async (t) => {
  const { heading, html: rest, summary } = renderMarkdown('# My *first* post\n\nHello.', 'a.md')
  t.equal(heading, 'My first post')
  t.equal(rest, '<p>Hello.</p>\n')
  t.equal(summary, 'Hello.')
  t.equal(renderMarkdown('Hello.\n\n# Later', 'a.md').heading, undefined)
})

await t.test('relative addresses work from wherever the text is shown', async (t) => {
  t.match(html('![x](pictures/a.png)'), 'src="/Posts/2026/pictures/a.png"')
  t.match(html('![x](../a%20b.png)'), 'src="/Posts/a%20b.png"')
  t.match(html('[x](other.md?a=1#part)'), 'href="/Posts/2026/other.md?a=1#part"')
  t.match(html('[x](../../../../etc/passwd)'), 'href="/etc/passwd"', 'never above the root of the site')
})

await t.test('other addresses stay', async (t) => {
  for (const address of ['/a.png', 'https://example.com/a', '//example.com/a', '#part', 'mailto:a@example.com']) {
    t.match(html(`[x](${address})`), `href="${address}"`)
  }
})

await t.test('HTML, bare links and typographic quotes', async (t) => {
  t.match(html('<b>bold</b>'), '<b>bold</b>')
  t.match(html('see https://example.com now'), '<a href="https://example.com">')
  t.match(html('"so" -- he said'), '“so” – he said')
})

await t.test('the summary is the first text, cut at a word', async (t) => {
  t.equal(
    renderMarkdown('![only a picture](a.png)\n\nThen *text* with `code`.', 'a.md').summary,
    'Then text with code.',
  )
  const { summary } = renderMarkdown('word '.repeat(200), 'a.md')
  t.match(summary, /^(word )+word…$/)
  t.ok(summary.length < 250)
})

await t.test('the first picture is known', async (t) => {
  t.strictSame(renderMarkdown('x\n\n![A bed](bed.jpg) ![B](b.jpg)', 'in/a.md').picture, {
    address: '/in/bed.jpg',
    description: 'A bed',
  })
})
