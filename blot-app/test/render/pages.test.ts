import t from 'tap'
import { blogId } from '../../src/blogs/blog-id.ts'
import { startTestApp } from '../support/test-app.ts'

const garden = 'http://garden.blot.localhost'
const id = blogId('garden')

function post(title: string, day: number, rest = ''): string {
  return `---\ntitle: ${title}\ndate: 2026-03-${String(day).padStart(2, '0')}\n${rest}---\nText of ${title}.\n`
}

const posts = Object.fromEntries(
  Array.from({ length: 23 }, (_, index) => [
    `garden/post-${index + 1}.md`,
    post(`Post ${index + 1}`, index + 1, 'tags: [Many]\n'),
  ]),
)

await t.test('lists', async (t) => {
  const app = await startTestApp(t, {
    files: { ...posts, 'garden/about.md': post('About', 30, 'link: /about-us\ntags: [Wild garlic, few]\n') },
  })
  const titles = async (path: string) => {
    const { text } = await app.visit(garden + path)
    return [...text.matchAll(/<h2><a href="[^"]*">([^<]*)/g)].map(([, title]) => title)
  }

  await t.test('ten posts a page, newest first', async (t) => {
    t.strictSame((await titles('/')).slice(0, 3), ['About', 'Post 23', 'Post 22'])
    t.equal((await titles('/')).length, 10)
    t.strictSame(await titles('/page/3'), ['Post 4', 'Post 3', 'Post 2', 'Post 1'])
    t.match((await app.visit(`${garden}/page/2`)).text, /href="\/".*Page 2 of 3.*href="\/page\/3"/s)
    for (const path of ['/page/1', '/page/4', '/page/0', '/page/02', '/page/x', '/page']) {
      t.equal((await app.visit(garden + path)).status, 404, path)
    }
  })

  await t.test('tags', async (t) => {
    t.strictSame(await titles('/tagged/wild-garlic'), ['About'])
    t.equal((await titles('/tagged/many')).length, 10)
    t.equal((await titles('/tagged/many/page/3')).length, 3)
    t.equal((await app.visit(`${garden}/tagged/none`)).status, 404)
    t.equal((await app.visit(`${garden}/tagged`)).status, 404)
  })

  await t.test('archives by year', async (t) => {
    const { text } = await app.visit(`${garden}/archives`)
    t.match(text, /<h2 id="year-2026">2026<\/h2>/)
    t.equal(text.match(/<li>/g)?.length, 24)
  })

  await t.test('a post with its neighbours, and the chosen link', async (t) => {
    const { text } = await app.visit(`${garden}/post-5`)
    t.match(text, 'Text of Post 5.')
    t.match(text, /Earlier<\/small>Post 4.*Later<\/small>Post 6/s)
    t.equal((await app.visit(`${garden}/about-us`)).status, 200)
    t.equal((await app.visit(`${garden}/about`)).status, 404)
  })

  await t.test('feed, sitemap and robots name the address that the visitor sees', async (t) => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-port': '8443' }
    const feed = await app.visit(`${garden}:8443/feed.rss`, { headers })
    t.equal(feed.headers['content-type'], 'application/rss+xml; charset=utf-8')
    t.match(feed.text, '<link>https://garden.blot.localhost:8443/about-us</link>')
    t.equal(feed.text.match(/<item>/g)?.length, 20)
    const sitemap = await app.visit(`${garden}/sitemap.xml`)
    t.equal(sitemap.text.match(/<loc>/g)?.length, 26)
    t.match(sitemap.text, '<loc>http://garden.blot.localhost/post-1</loc>')
    t.match((await app.visit(`${garden}/robots.txt`)).text, 'Sitemap: http://garden.blot.localhost/sitemap.xml')
  })

  await t.test('tags for the cache name the blog, the template and what is shown', async (t) => {
    const tagsOf = async (path: string) => (await app.visit(garden + path)).headers['cache-tag']
    t.equal(await tagsOf('/'), `blog:${id},template:plain,list:${id}:`)
    t.equal(await tagsOf('/about-us'), `blog:${id},template:plain,post:${id}:about-us`)
    t.match(await tagsOf('/nothing'), `blog:${id}`)
  })
})

await t.test('what authors write is shown as text where it is text', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/a.md': '---\ntitle: "<b>\\"&\\u0001"\ndate: 2026-01-01\n---\n<i>kept</i> ![x](a.png)\n' },
  })
  const { text } = await app.visit(`${garden}/b`)
  t.match(text, '&lt;b&gt;&quot;&amp;')
  t.match(text, '<i>kept</i>')
  const feed = (await app.visit(`${garden}/feed.rss`)).text
  t.notMatch(feed, '\u0001', 'control characters are not XML')
  t.match(feed, 'src=&quot;http://garden.blot.localhost/a.png&quot;')
})

await t.test('an empty blog has pages too', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/a.txt': 'x' } })
  t.match((await app.visit(`${garden}/`)).text, 'Nothing has been written yet')
  t.match((await app.visit(`${garden}/archives`)).text, 'Nothing has been written yet')
  t.equal((await app.visit(`${garden}/feed.rss`)).status, 200)
})

await t.test('drafts are for previews', async (t) => {
  const app = await startTestApp(t, {
    files: {
      'garden/public.md': '# Public',
      'garden/secret.md': '---\ntitle: Secret\ndraft: true\n---\n',
      'garden/Drafts/later.md': '# Later',
      'garden/Drafts/picture.txt': 'picture',
    },
  })
  const paths = ['/secret', '/later', '/secret.md', '/Drafts/later.md', '/Drafts/picture.txt']
  for (const path of paths) t.equal((await app.visit(garden + path)).status, 404, path)
  for (const path of ['/', '/archives', '/feed.rss', '/sitemap.xml']) {
    t.notMatch((await app.visit(garden + path)).text, /Secret|Later|secret|later</, path)
  }
  const preview = 'http://preview-garden.blot.localhost'
  for (const path of ['/', '/secret', '/later', '/Drafts/picture.txt', '/feed.rss', '/style.css']) {
    const { status, headers } = await app.visit(preview + path)
    t.equal(status, 200, path)
    t.equal(headers['cache-control'], 'no-store')
    t.equal(headers['x-robots-tag'], 'noindex')
  }
  t.match((await app.visit(`${preview}/`)).text, /Secret.*Draft|Draft.*Secret/s)
  t.match((await app.visit(`${preview}/robots.txt`)).text, 'Disallow: /')
})

await t.test('a template is chosen in blog.json and can be tried in a preview', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/a.md': '# A', 'harbor/a.md': '# A', 'harbor/blog.json': '{"template": "ledger"}' },
  })
  const styleOf = async (host: string) => (await app.visit(`http://${host}.blot.localhost/style.css`)).text
  const plain = await styleOf('garden')
  const ledger = await styleOf('harbor')
  t.not(plain, ledger)
  t.equal(await styleOf('preview-of-ledger-on-garden'), ledger)
  t.equal(await styleOf('preview-of-plain-on-harbor'), plain)
  t.equal((await app.visit('http://preview-of-none-on-garden.blot.localhost/')).status, 404)
  const page = (await app.visit('http://harbor.blot.localhost/')).text
  const [, address = ''] = /<link rel="stylesheet" href="([^"]+)"/.exec(page) ?? []
  const style = await app.visit(`http://harbor.blot.localhost${address.replaceAll('&amp;', '&')}`)
  t.equal(style.text, ledger)
  t.match(style.headers['cache-control'], 'immutable')
  const bare = await app.visit('http://harbor.blot.localhost/style.css')
  t.notMatch(bare.headers['cache-control'], 'immutable', 'only for the address that names the content')
})
