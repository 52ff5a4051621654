import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pollUntil } from '../until.ts'
import { ask, type Answer } from './client.ts'
import { startEdge, temporaryDirectory } from './edge.ts'

const directory = temporaryDirectory(t)
const blogs = join(directory, 'blogs')
const write = (name: string, text: string): void => {
  mkdirSync(join(blogs, 'garden'), { recursive: true })
  writeFileSync(join(blogs, 'garden', name), text)
}
for (const number of [1, 2, 3, 4, 5])
  write(`p${number}.md`, `---\ntitle: P${number}\ndate: 2026-01-0${number}\n---\nfirst`)

const edge = await startEdge(t, {
  args: ['dev'],
  directory,
  environment: { BLOT_CACHE: 'false', BLOT_BLOGS_DIRECTORY: blogs, EDGE_WORKERS: '2' },
})
const get = (path: string): Promise<Answer> =>
  ask({ port: edge.https, host: 'garden.blot.localhost', path, ca: edge.ca })
const isHit = async (path: string): Promise<boolean> => (await get(path)).headers['blot-cache'] === 'HIT'

/** What shows a post: itself, those beside it, and lists. */
const SHOW = ['/p2', '/p3', '/p4', '/', '/archives', '/feed.rss', '/sitemap.xml']
const OTHERS = ['/p1', '/p5', '/robots.txt']

await t.test('pages are tagged by what they show, their template and their blog', async (t) => {
  t.match((await get('/p3')).headers['cache-tag'], /^blog:[^,]+,template:[^,]+,post:[^,]+:p3$/)
  t.match((await get('/archives')).headers['cache-tag'], /^blog:[^,]+,template:[^,]+,list:[^,]+:archives$/)
})

await t.test('an edited post is gone from the cache with all that shows it, and nothing else is', async (t) => {
  const paths = [...SHOW, ...OTHERS]
  // The app purges every host when it starts.
  await edge.logged(({ msg, names }) => msg === 'purge applied' && String(names).includes('host garden'))
  await pollUntil(async () => (await Promise.all(paths.map(isHit))).every(Boolean))
  write('p3.md', '---\ntitle: P3\ndate: 2026-01-03\n---\nsecond')
  const { names } = await edge.logged(
    ({ msg, names }) => msg === 'purge applied' && String(names).includes('tag post:'),
  )
  t.notMatch(String(names), /host /)
  // The first one who asks gets what is new: at once, and from the app.
  t.match(await get('/p3'), { text: /second/, headers: { 'blot-cache': 'MISS' } })
  for (const path of SHOW.slice(0, 1).concat(SHOW.slice(2))) t.notOk(await isHit(path), `${path} was purged`)
  for (const path of OTHERS) t.ok(await isHit(path), `${path} was not`)
})
