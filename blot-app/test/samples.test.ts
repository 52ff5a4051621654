import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { startApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { temporaryFolder } from './support/test-app.ts'
import { visit } from './support/visit.ts'

const blogs = path.resolve(import.meta.dirname, '../blogs')

/** Follows every link of a site and returns the answers by path. */
async function crawl(port: number, origin: string): Promise<Map<string, number>> {
  const found = new Map<string, number>()
  async function follow(target: string): Promise<void> {
    if (found.has(target)) return
    found.set(target, 0)
    const { status, headers, text } = await visit(port, origin + target)
    found.set(target, status)
    if (!headers['content-type']?.startsWith('text/html')) return
    const links = [...text.matchAll(/(?:href|src)="(\/[^"#]*)/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'))
    await Promise.all(links.map(follow))
  }
  await follow('/')
  return found
}

await t.test('the sample blogs are whole', async (t) => {
  const folder = temporaryFolder(t)
  const config = readConfig({ BLOT_PORT: '0', BLOT_DATA_DIRECTORY: folder })
  t.equal(config.blogsDirectory, blogs)
  const app = await startApp(config, pino({ level: 'silent' }))
  t.teardown(() => app.close())

  for (const origin of [
    'http://garden.blot.localhost',
    'http://harbor-notes.localhost',
    'http://preview-garden.blot.localhost',
  ]) {
    const answers = await crawl(app.port, origin)
    t.strictSame(
      [...answers].filter(([, status]) => status !== 200),
      [],
      `every link of ${origin} leads somewhere`,
    )
    if (origin.includes('garden')) t.ok(answers.has('/page/2') && answers.has('/about'))
    if (origin.includes('preview')) t.ok(answers.has('/salsify-a-first-report'))
  }
  t.equal(
    (await visit(app.port, 'http://www.harbor-notes.localhost/')).headers.location,
    'http://harbor-notes.localhost/',
  )
  t.equal((await visit(app.port, 'http://allotment.blot.localhost/')).headers.location, 'http://garden.blot.localhost/')

  for (const entry of readdirSync(blogs, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) t.ok(statSync(path.join(entry.parentPath, entry.name)).size < 150_000, entry.name)
  }
})
