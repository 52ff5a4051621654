import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const home = 'http://garden.blot.localhost/'
// A saved file is visible within this; the machine that runs the tests may be busy, so the look goes on for longer.
const limitMs = 5000

await t.test('what an author does to the folder shows without a restart', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/one.md': '# One\n\nFirst words.' } })
  const shows = async (url: string, text: string | RegExp) => {
    return waitUntil(async () => (await app.visit(url)).text.match(text) !== null, limitMs)
  }
  const gone = async (url: string) => waitUntil(async () => (await app.visit(url)).status === 404, limitMs)
  const file = (name: string) => path.join(app.folder, 'blogs', name)

  await t.test('a changed file', async () => {
    app.write('garden/one.md', '# One\n\nOther words.')
    await shows(`${home}one`, 'Other words.')
    await shows(home, 'Other words.')
  })

  await t.test('a new file in a new folder', async () => {
    app.write('garden/deep/er/two.md', '# Two')
    await shows(`${home}two`, 'Two')
  })

  await t.test('a file saved by rename, as editors do', async () => {
    writeFileSync(file('garden/.one.tmp'), '# One\n\nRenamed words.')
    renameSync(file('garden/.one.tmp'), file('garden/one.md'))
    await shows(`${home}one`, 'Renamed words.')
  })

  await t.test('a renamed title moves the page', async () => {
    app.write('garden/one.md', '# Eins')
    await shows(`${home}eins`, 'Eins')
    await gone(`${home}one`)
  })

  await t.test('a removed file and a removed folder', async () => {
    rmSync(file('garden/one.md'))
    await gone(`${home}eins`)
    rmSync(file('garden/deep'), { recursive: true })
    await gone(`${home}two`)
  })

  await t.test('a picture', async () => {
    app.write('garden/a.txt', 'before')
    await shows(`${home}a.txt`, 'before')
  })

  await t.test('settings', async () => {
    app.write('garden/blog.json', '{"title": "Renamed blog"}')
    await shows(home, 'Renamed blog')
  })

  await t.test('a new blog, and one that goes', async () => {
    app.write('orchard/apple.md', '# Apple')
    await shows('http://orchard.blot.localhost/apple', 'Apple')
    rmSync(file('orchard'), { recursive: true })
    await gone('http://orchard.blot.localhost/')
  })

  await t.test('folders that are no handles, loose files and links are no blogs', async (t) => {
    const outside = path.join(app.folder, 'outside')
    mkdirSync(outside)
    writeFileSync(path.join(outside, 'secret.md'), '# Secret')
    symlinkSync(outside, file('linked'))
    symlinkSync(path.join(outside, 'secret.md'), file('garden/secret.md'))
    app.write('www/a.md', '# A')
    app.write('Not a handle/a.md', '# A')
    app.write('loose.md', '# Loose')
    app.write('garden/last.md', '# Last')
    await shows(`${home}last`, 'Last')
    t.equal((await app.visit(`${home}secret`)).status, 404)
    t.equal((await app.visit('http://www.blot.localhost/')).text.match(/<li>/g)?.length, 1)
    for (const host of ['linked', 'loose', 'not a handle']) {
      t.equal((await app.visit('http://x/', { headers: { host: `${host}.blot.localhost` } })).status, 404, host)
    }
  })
})

await t.test('a broken file shows its fault where its author looks, and nowhere else', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/good.md': '# Good', 'garden/first.md': '---\ntitle: Written well\n---\nText' },
  })
  const breaks = async (url: string, reason: string | RegExp) => {
    await waitUntil(async () => (await app.visit(url)).status === 422, limitMs)
    const answer = await app.visit(url)
    t.match(answer.text, reason)
    t.equal(answer.headers['cache-control'], 'no-store')
    return answer
  }
  const isFine = async () => {
    const answer = await app.visit(home)
    t.equal(answer.status, 200)
    t.match(answer.text, 'Good')
    t.notMatch(answer.text, 'Written well')
    t.notMatch((await app.visit(`${home}feed.rss`)).text, 'Written well')
    t.equal((await app.visit(`${home}good`)).status, 200)
    t.equal((await app.visit('http://127.0.0.1/health')).status, 200)
  }

  await t.test('bad front matter, at the URL that the post had, by its name, and by its path', async () => {
    app.write('garden/first.md', '---\ntitle: [Written well\n---\nText')
    await breaks(`${home}written-well`, /first\.md.*not valid YAML, line/s)
    await breaks(`${home}first`, /first\.md/)
    await breaks(`${home}first.md`, /first\.md/)
    await isFine()
  })

  await t.test('bytes that are no UTF-8', async () => {
    app.write('garden/first.md', Buffer.from([0x23, 0x20, 0xff, 0xfe, 0x41]))
    await waitUntil(async () => (await app.visit(`${home}written-well`)).text.includes('UTF-8'), limitMs)
    await isFine()
  })

  await t.test('20 MB of Markdown', async () => {
    app.write('garden/huge.md', Buffer.alloc(20_000_000, '# Huge\n\ntext\n'))
    await breaks(`${home}huge`, /20\.0 MB; at most 2 MB/)
    await isFine()
  })

  await t.test('a link that another post has', async () => {
    app.write('garden/taken.md', '---\nlink: /good\n---\n')
    app.write('garden/taken-too.md', '---\nlink: /good\n---\n')
    await breaks(`${home}taken`, /taken-too\.md has already/)
    rmSync(path.join(app.folder, 'blogs/garden/taken.md'))
    rmSync(path.join(app.folder, 'blogs/garden/taken-too.md'))
    await waitUntil(async () => (await app.visit(`${home}good`)).text.includes('Good'), limitMs)
  })

  await t.test('a broken blog.json keeps the last good settings', async (t) => {
    app.write('garden/blog.json', '{"title": "Kept title"}')
    await waitUntil(async () => (await app.visit(home)).text.includes('Kept title'), limitMs)
    app.write('garden/blog.json', '{"title": ')
    await breaks(`${home}blog.json`, /blog\.json is not valid JSON/)
    t.match((await app.visit(home)).text, 'Kept title')
  })

  const isRoot = process.getuid?.() === 0
  await t.test('a file that nobody may read', { skip: isRoot && 'root reads everything' }, async () => {
    app.write('garden/closed.md', '# Closed')
    chmodSync(path.join(app.folder, 'blogs/garden/closed.md'), 0)
    await breaks(`${home}closed`, /permissions/)
    await isFine()
  })

  await t.test('mended, it is a page again', async (t) => {
    app.write('garden/first.md', '---\ntitle: Written well\n---\nMended')
    await waitUntil(async () => (await app.visit(`${home}written-well`)).text.includes('Mended'), limitMs)
    t.equal((await app.visit(`${home}first`)).status, 404)
  })
})
