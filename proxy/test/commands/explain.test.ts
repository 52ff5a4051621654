import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { explain } from '../../src/commands/explain.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { call } from './call.ts'
import { runEdge } from './run-edge.ts'

const directory = temporaryDirectory(t)
const cache = join(directory, 'cache')
const pages = join(cache, 'garden.blot.example/https/permanent')
mkdirSync(pages, { recursive: true })
writeFileSync(join(pages, 'clay.html'), 'clay')
mkdirSync(join(directory, 'blog'))
writeFileSync(join(directory, 'blog/map.svg'), '<svg/>')
symlinkSync(join(directory, 'blog'), join(cache, 'garden.blot.example/folder'))
for (const folder of ['edge', 'store']) mkdirSync(join(directory, folder))
execFileSync('chown', ['nobody', join(directory, 'edge'), join(directory, 'store')])
const environment = {
  BLOT_HOST: 'blot.example',
  BLOT_CACHE_DIRECTORY: cache,
  BLOT_DATA_DIRECTORY: join(directory, 'data'),
  EDGE_DATA_DIRECTORY: join(directory, 'edge'),
  EDGE_STORE: `file:${join(directory, 'store')}`,
  EDGE_ADMIN: `unix:${join(directory, 'nobody.sock')}`,
  EDGE_ADDRESS: '127.0.0.1',
  EDGE_ISSUER: 'local',
  EDGE_PERMISSION: 'all',
  EDGE_USER: 'nobody',
}

const run = (...args: string[]) => runEdge(['explain', ...args, '--environment', '/dev/null'], { environment })

await t.test('a name: which site, who permits it, which certificate', async (t) => {
  const { code, stdout } = await run('Garden.blot.example')
  t.equal(code, 0)
  t.match(
    stdout,
    /^garden\.blot\.example\n +site +a blog, by its handle\n +permission +yes, says EDGE_PERMISSION=all\n/,
  )
  t.match(stdout, /certificate +no certificate yet/)
  t.match(JSON.parse((await run('preview-of-x.blot.example', '--json')).stdout), { site: 'preview' })
})

await t.test('a URL, while no edge runs: the key, the file that would answer, and the rule', async (t) => {
  const explained = async (...args: string[]): Promise<Record<string, unknown>> =>
    (JSON.parse((await run(...args, '--json')).stdout) as { cache: Record<string, unknown> }).cache
  t.match(await explained('https://Garden.blot.example/clay.html?a=1'), {
    url: 'https://garden.blot.example/clay.html?a=1',
    key: 'https://garden.blot.example/clay.html?a=1',
    site: 'handle',
    answers: 'the app',
    disk: { hasOthers: false },
  })
  const page = await explained('https://garden.blot.example/clay.html', '--header', 'Accept-Encoding: gzip')
  t.match(page, {
    answers: 'page file',
    because: { words: /a page that the app wrote \(permanent\)/ },
    file: { path: /https\/permanent\/clay\.html/ },
  })
  t.equal(page['memory'], null, 'unknown')
  t.match(await explained('http://garden.blot.example/map.svg'), {
    answers: 'static file',
    file: { path: /blog\/map\.svg/ },
  })
  t.match(await explained('https://blot.example/'), { because: { words: 'the site itself: never stored' } })
  t.match(await explained('https://garden.blot.example:9/'), { because: { words: /foreign port/ } })
  const { stdout } = await run('https://garden.blot.example/clay.html')
  t.match(stdout, /^https:\/\/garden\.blot\.example\/clay\.html\n +site +a blog, by its handle\n/)
  t.match(stdout, /\n +answers +page file\n[^]*\n +memory +unknown: no edge is running here\n +disk +nothing\n/)
})

await t.test('what is neither is wrong usage', async (t) => {
  for (const args of [[], ['192.0.2.1'], ['https://'], ['https:///a'], ['a.example', 'b.example']]) {
    await t.rejects(call(explain, {}, {}, args), { code: 'EDGE_ERR_USAGE_INVALID' }, args.join(' '))
  }
  const header = (...lines: string[]) => ({ header: lines })
  await t.rejects(call(explain, header('Accept'), {}, ['https://a.example']), { message: /"Accept" is not a header/ })
  await t.rejects(call(explain, header('Accept: */*'), {}, ['a.example']), { code: 'EDGE_ERR_USAGE_INVALID' })
})
