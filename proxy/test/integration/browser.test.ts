import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startTrustingBrowser } from './chromium.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

const SAVED_FILE_LIMIT_MS = 30_000

const directory = temporaryDirectory(t)
const blogs = join(directory, 'blogs')
await cp(join(import.meta.dirname, '../../../blot-app/blogs'), blogs, { recursive: true })
const edge = await startEdge(t, { args: ['dev'], directory, environment: { BLOT_BLOGS_DIRECTORY: blogs } })

const browser = await startTrustingBrowser(t, edge)

async function openPage(): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('requestfailed', (request) => complaints.push(`${request.url()} ${request.failure()?.errorText}`))
  return { page, complaints }
}

await t.test('both sample blogs open over https without a complaint', async (t) => {
  for (const host of ['garden.blot.localhost', 'harbor-notes.localhost']) {
    const { page, complaints } = await openPage()
    const response = await page.goto(`https://${host}:${edge.https}/`)
    t.equal(response?.status(), 200, host)
    t.ok((await page.title()).length > 0, 'it has a title')
    const first = page.locator('main a[href^="/"], article a').first()
    await first.click()
    await page.waitForLoadState()
    t.ok(page.url().startsWith(`https://${host}:${edge.https}/`), 'its links stay on the site')
    const broken = await page.evaluate(
      `[...document.images].filter((image) => image.complete && !image.naturalWidth).length`,
    )
    t.equal(broken, 0, 'its pictures are there')
    t.same(complaints, [])
    await page.close()
  }
})

await t.test('a saved file changes the page, without a restart', async (t) => {
  const { page, complaints } = await openPage()
  const file = join(blogs, 'garden/a-new-post.md')
  const url = `https://garden.blot.localhost:${edge.https}/a-new-post`
  await writeFile(file, '---\ntitle: A new post\n---\n\nWritten just now.\n')
  await showsText(page, url, 'Written just now.')
  await writeFile(file, (await readFile(file, 'utf8')).replace('just now', 'a moment later'))
  await showsText(page, url, 'Written a moment later.')
  t.same(
    complaints.filter((text) => !text.includes('404')),
    [],
  )
})

await t.test('a broken file tells its author what is wrong, through the edge', async (t) => {
  const { page } = await openPage()
  await writeFile(join(blogs, 'garden/broken.md'), '---\ntitle: [unclosed\n---\n\nText.\n')
  await showsText(page, `https://garden.blot.localhost:${edge.https}/broken`, 'broken.md')
  const response = await page.goto(`https://garden.blot.localhost:${edge.https}/`)
  t.equal(response?.status(), 200, 'the rest of the blog is there')
})

/** Reloads as an author would, until the text is there. */
async function showsText(page: Page, url: string, text: string): Promise<void> {
  const deadline = Date.now() + SAVED_FILE_LIMIT_MS
  while (Date.now() < deadline) {
    await page.goto(url)
    if ((await page.content()).includes(text)) return
  }
  throw new Error(`${url} does not show "${text}"`)
}
