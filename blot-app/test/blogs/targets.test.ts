import t from 'tap'
import { parseSource } from '../../src/blogs/parse-source.ts'
import { slugOf } from '../../src/blogs/slug.ts'
import { linkTarget, nameTarget, placeSources } from '../../src/blogs/targets.ts'

function place(sources: Readonly<Record<string, string>>) {
  const parsed = Object.entries(sources).map(([source, text]) => {
    return [source, parseSource(source, new TextEncoder().encode(text))] as const
  })
  const { placed, faults } = placeSources(new Map(parsed))
  return { placed: Object.fromEntries(placed), faults: Object.fromEntries(faults) }
}

await t.test('slugs', async (t) => {
  t.equal(slugOf("It's 5 o’clock: Crème brûlée!"), 'its-5-oclock-crème-brûlée')
  t.equal(slugOf('Привет, мир'), 'привет-мир')
  t.equal(slugOf('../../etc/passwd'), 'etc-passwd')
  t.equal(slugOf('!!!'), '')
  t.equal(slugOf('😀 x'.repeat(60)).length <= 80, true)
})

await t.test('the URL comes from link, title, heading or name, in this order', async (t) => {
  const { placed } = place({
    'a.md': '---\ntitle: Title\nlink: /notes/chosen\n---\n# Heading',
    'b.md': '---\ntitle: Title\n---\n# Heading',
    'c.md': '# Heading',
    'in/2026-01-02 The name.md': 'text',
    '!.md': 'text',
  })
  t.strictSame(placed, {
    'a.md': '/notes/chosen',
    'b.md': '/title',
    'c.md': '/heading',
    'in/2026-01-02 The name.md': '/the-name',
    '!.md': '/untitled',
  })
})

await t.test('a taken slug gets a number; pages of the blog itself are taken', async (t) => {
  const { placed } = place({ 'a.md': '# Same', 'b.md': '# Same', 'c.md': '# Archives', 'd.md': '# Health' })
  t.strictSame(placed, { 'a.md': '/same', 'b.md': '/same-2', 'c.md': '/archives-2', 'd.md': '/health-2' })
})

await t.test('a link that cannot be is a fault of its file', async (t) => {
  const { placed, faults } = place({
    'a.md': '---\nlink: /about\n---\n',
    'b.md': '---\nlink: about/\n---\n',
    'c.md': '---\nlink: /archives\n---\n',
    'd.md': '---\nlink: /../etc\n---\n',
  })
  t.strictSame(placed, { 'a.md': '/about' })
  t.match(faults['b.md'], /\/about, which a\.md has already/)
  t.match(faults['c.md'], /page of its own/)
  t.match(faults['d.md'], /must be a path/)
})

await t.test('links are kept to safe paths', async (t) => {
  t.equal(linkTarget('café/x, y'), '/caf%C3%A9/x%2C%20y')
  t.equal(linkTarget('/caf%C3%A9/'), '/caf%C3%A9')
  for (const link of [
    '/',
    '//',
    '/a//b',
    '/.git/x',
    '/%2e%2e/x',
    '/a?b',
    '/a#b',
    '/a\\b',
    '/a%00',
    '/tagged/x',
    `/${'x'.repeat(600)}`,
  ]) {
    t.throws(() => linkTarget(link), { name: 'SourceFault' }, link)
  }
})

await t.test('a file without readable front matter still has a URL', async (t) => {
  t.equal(nameTarget('Posts/2026-01-02 My post.md'), '/my-post')
})
