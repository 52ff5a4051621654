import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createTier, openFilesIn, serve, type Ask, type Site } from './fixture.ts'

/** Writes files beneath a directory. */
function write(directory: string, files: Record<string, string | Buffer>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = `${directory}/${name}`
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
}

/** A host's folder as the app makes it: two links into the blog's own folders. */
function host(directory: string, name: string, files: Record<string, string | Buffer>): void {
  mkdirSync(`${directory}/blogs/${name}`, { recursive: true })
  mkdirSync(`${directory}/statics/${name}`, { recursive: true })
  mkdirSync(`${directory}/cache/${name}`, { recursive: true })
  symlinkSync(`../../blogs/${name}`, `${directory}/cache/${name}/folder`)
  symlinkSync(`../../statics/${name}`, `${directory}/cache/${name}/static`)
  for (const [file, content] of Object.entries(files)) {
    const place = file.startsWith('folder/') ? `blogs/${name}/${file.slice(7)}` : `cache/${name}/${file}`
    write(directory, { [file.startsWith('static/') ? `statics/${name}/${file.slice(7)}` : place]: content })
  }
}

async function prepare(t: Test, files: Record<string, string | Buffer>): Promise<{ directory: string; site: Site }> {
  const directory = t.testdir({ cdn: {} })
  host(directory, 'a.test', files)
  const { tier } = createTier(t, directory)
  return { directory, site: await serve(t, tier, 'http1') }
}

async function bodyOf(site: Site, target: string, ask?: Ask): Promise<string> {
  return (await site.ask(target, ask)).body.toString()
}

await t.test('the order is permanent, static, temporary, folder, app', async (t) => {
  const order = ['https/permanent/x.txt', 'static/x.txt', 'https/temporary/x.txt', 'folder/x.txt']
  for (const [index, first] of order.entries()) {
    const files = Object.fromEntries(order.slice(index).map((name) => [name, name]))
    const { site } = await prepare(t, files)
    t.equal(await bodyOf(site, '/x.txt'), first)
  }
  const { site } = await prepare(t, {})
  t.equal(await bodyOf(site, '/x.txt'), 'app')
})

await t.test('what the app interprets is never shown as a file', async (t) => {
  const { directory, site } = await prepare(t, {
    'folder/secret.md': 'draft: true',
    'folder/Drafts/picture.png': 'not yet',
    'folder/Notes/drafts/picture.png': 'not yet',
    'folder/blog.json': '{}',
    'static/terms.md': 'public',
  })
  symlinkSync('secret.md', `${directory}/blogs/a.test/link.txt`)
  symlinkSync('Notes/drafts/picture.png', `${directory}/blogs/a.test/link.png`)
  const linked = ['/link.txt', '/link.png', '/Notes/drafts/picture.png']
  for (const target of [...linked, '/secret.md', '/Drafts/picture.png', '/blog.json', '/secret%2Emd']) {
    t.equal(await bodyOf(site, target), 'app', target)
  }
  t.equal(await bodyOf(site, '/terms.md'), 'public', 'static files are public by construction')
})

await t.test('a page without a dot lies in an index.html', async (t) => {
  const { site } = await prepare(t, {
    'https/permanent/index.html': 'home',
    'https/temporary/index.html': 'never reached',
    'https/temporary/post/index.html': 'post',
    'http/temporary/post/index.html': 'plain post',
    'https/temporary/tagged/a%20b/index.html': 'raw name',
  })
  t.equal(await bodyOf(site, '/'), 'home')
  t.equal(await bodyOf(site, '/post'), 'post')
  t.equal(await bodyOf(site, '/post/'), 'post')
  t.equal(await bodyOf(site, '/post', { scheme: 'http' }), 'plain post')
  t.equal(await bodyOf(site, '/tagged/a%20b'), 'raw name')
  t.equal(await bodyOf(site, '/tagged/a+b'), 'app')
  t.equal(await bodyOf(site, '/', { host: 'b.test' }), 'app', 'of this host only')
  t.equal(await bodyOf(site, '/', { scheme: 'http' }), 'app', 'of this scheme only')
})

await t.test('a query belongs to the name if it holds extension=, and hides pages else', async (t) => {
  const { site } = await prepare(t, {
    'https/permanent/x?extension=.css': 'named',
    'https/permanent/page/index.html': 'page',
    'https/temporary/y.txt': 'y page',
    'folder/y.txt': 'y file',
  })
  t.equal(await bodyOf(site, '/x?extension=.css'), 'named')
  t.equal((await site.ask('/x?extension=.css')).headers['content-type'], 'text/css; charset=utf-8')
  t.equal(await bodyOf(site, '/page'), 'page')
  for (const query of ['?', '?a=b', '?page=2']) t.equal(await bodyOf(site, `/page${query}`), 'app', query)
  t.equal(await bodyOf(site, '/y.txt'), 'y page')
  for (const query of ['?v=1', '?v=2', '?', '?extension=.x'])
    t.equal(await bodyOf(site, `/y.txt${query}`), 'y file', query)
  t.equal(await bodyOf(site, '/y.txt'), 'y page', 'whatever was asked between')
})

await t.test('queries that strangers make up do not fill the memory', async (t) => {
  const directory = t.testdir({ cdn: { 'a.css': 'cdn' } })
  host(directory, 'a.test', { 'folder/y.txt': 'y' })
  const { tier } = createTier(t, directory)
  const site = await serve(t, tier, 'http1')
  for (let n = 0; n < 5; n++) {
    await site.ask(`/y.txt?v=${n}`)
    await site.ask(`/y.txt?extension=${n}`)
    await site.ask(`/a.css?extension=${n}`, { host: 'cdn.blot.test' })
  }
  t.equal(tier.stats().entries, 1)
})

await t.test('each place has its own Cache-Control', async (t) => {
  const { site } = await prepare(t, {
    'https/permanent/p.css': 'x',
    'https/temporary/t.css': 'x',
    'static/s.css': 'x',
    'folder/f.css': 'x',
  })
  const table: [string, string][] = [
    ['/p.css', 'public, max-age=31536000'],
    ['/t.css', 'no-cache'],
    ['/s.css', 'public, max-age=0, must-revalidate'],
    ['/f.css', 'public, max-age=0, must-revalidate'],
  ]
  for (const [target, policy] of table) {
    const { headers } = await site.ask(target)
    t.equal(headers['cache-control'], policy, target)
    t.equal(headers['access-control-allow-origin'], undefined, target)
  }
})

await t.test('only GET and HEAD without credentials, of sites that have page files', async (t) => {
  const { site, directory } = await prepare(t, { 'https/permanent/index.html': 'home', 'folder/f.txt': 'file' })
  for (const name of ['preview-a.blot.test', 'blot.test', 'webhooks.blot.test']) {
    host(directory, name, { 'https/permanent/index.html': 'home' })
    t.equal(await bodyOf(site, '/', { host: name }), 'app', name)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    t.equal(await bodyOf(site, '/', { method }), 'app', method)
  }
  const authorization = { authorization: 'Basic x' }
  t.equal(await bodyOf(site, '/', { headers: authorization }), 'app')
  t.equal(await bodyOf(site, '/f.txt', { headers: authorization }), 'app')
  t.equal(await bodyOf(site, '/', { headers: { cookie: 'session=1' } }), 'home')
  t.equal((await site.ask('/', { method: 'HEAD' })).headers['content-length'], '4')
})

await t.test('a page whose name tells no type is left to the app', async (t) => {
  const { site } = await prepare(t, {
    'https/permanent/v1.0': '<p>',
    'https/permanent/feed': '<rss>',
    'folder/LICENSE': 'MIT',
  })
  t.equal(await bodyOf(site, '/v1.0'), 'app')
  t.equal(await bodyOf(site, '/feed'), 'app')
  t.equal((await site.ask('/LICENSE')).headers['content-type'], 'application/octet-stream')
})

await t.test('the cdn shows its directory to everybody', async (t) => {
  const directory = t.testdir({ cache: {}, cdn: { blog_1: { 'a.css': 'css' }, 'top.js': 'js' } })
  const { tier } = createTier(t, directory)
  const site = await serve(t, tier, 'http1')
  const cdn = { host: 'cdn.blot.test' }
  for (const target of ['/blog_1/a.css', '/top.js', '/top.js?v=1']) {
    const { status, headers } = await site.ask(target, cdn)
    t.equal(status, 200, target)
    t.equal(headers['access-control-allow-origin'], '*')
    t.equal(headers['cache-control'], 'public, max-age=31536000')
  }
  const { headers } = await site.ask('/top.js', cdn)
  const again = await site.ask('/top.js', { ...cdn, headers: { 'if-none-match': String(headers.etag) } })
  t.equal(again.status, 304)
  t.equal(again.headers['access-control-allow-origin'], '*', 'a 304 too')
  for (const target of ['/', '/blog_1', '/blog_1/', '/absent']) t.equal(await bodyOf(site, target, cdn), 'app', target)
})

await t.test('a directory with an index is redirected to its slash; no directory is listed', async (t) => {
  const { directory, site } = await prepare(t, {
    'folder/a b/index.html': 'index',
    'folder/bare/x.txt': 'x',
    'static/s/index.html': 's',
  })
  const redirect = await site.ask('/a%20b?q=%2F&r')
  t.equal(redirect.status, 301)
  t.equal(redirect.headers.location, '/a%20b/?q=%2F&r')
  t.equal(redirect.headers['content-length'], '0')
  t.equal(redirect.headers['x-common'], 'yes')
  t.equal(await bodyOf(site, '/a%20b/?q'), 'index')
  t.equal(await bodyOf(site, '/s/'), 's')
  for (const target of ['/bare', '/bare/', '//a%20b']) t.equal(await bodyOf(site, target), 'app', target)
  t.same(openFilesIn(directory), [])
})

await t.test('a compressed neighbour is sent to whom it suits, with a tag of its own', async (t) => {
  const { site } = await prepare(t, {
    'folder/x.css': 'plain',
    'folder/x.css.gz': gzipSync('gzip'),
    'folder/x.css.br': 'brotli',
    'folder/x.css.zst': 'zstandard',
    'folder/alone.css': 'alone',
    'folder/index.html': 'index',
    'folder/index.html.br': 'brotli index',
  })
  const tags = new Set<unknown>()
  const table: [string, string | undefined, string][] = [
    ['br, gzip, zstd', 'br', 'brotli'],
    ['zstd', 'zstd', 'zstandard'],
    ['gzip', 'gzip', gzipSync('gzip').toString('latin1')],
    ['identity', undefined, 'plain'],
  ]
  for (const round of ['from disk', 'from memory']) {
    for (const [accept, coding, body] of table) {
      const answer = await site.ask('/x.css', { headers: { 'accept-encoding': accept } })
      t.equal(answer.headers['content-encoding'], coding, `${accept} ${round}`)
      t.equal(answer.headers.vary, 'Accept-Encoding')
      t.equal(answer.headers['content-type'], 'text/css; charset=utf-8')
      t.equal(answer.body.toString('latin1'), body)
      tags.add(answer.headers.etag)
    }
  }
  t.equal(tags.size, table.length)
  t.equal((await site.ask('/alone.css', { headers: { 'accept-encoding': 'br' } })).headers.vary, undefined)
  t.equal(await bodyOf(site, '/', { headers: { 'accept-encoding': 'br' } }), 'brotli index')
  t.equal((await site.ask('/x.css.gz')).headers['content-type'], 'application/gzip')
  const ranged = (range: string) => site.ask('/x.css', { headers: { 'accept-encoding': 'br', range } })
  t.equal((await ranged('bytes=1-2')).body.toString(), 'ro', 'a part of what is sent')
  t.equal((await ranged('bytes=1-2,4-5')).status, 200, 'several parts of a coded body would be ambiguous')
})

await t.test('a page has a gzip copy beside it', async (t) => {
  const { site } = await prepare(t, {
    'https/temporary/post/index.html': 'plain',
    'https/temporary/post/index.htmlgzip': 'zipped',
  })
  const { headers, body } = await site.ask('/post', { headers: { 'accept-encoding': 'gzip, br' } })
  t.equal(body.toString(), 'zipped')
  t.equal(headers['content-encoding'], 'gzip')
  t.equal(headers['content-type'], 'text/html; charset=utf-8')
  t.equal(await bodyOf(site, '/post'), 'plain')
})

await t.test('names of 255 bytes, and names that were composed elsewhere', async (t) => {
  const long = `${'x'.repeat(251)}.txt`
  const { site } = await prepare(t, {
    [`folder/${long}`]: 'long',
    'folder/cafe\u0301.txt': 'decomposed',
    'folder/nai\u0308f.txt': 'decomposed too',
    'folder/\u00fcber.txt': 'composed',
    'folder/100%.txt': 'percent',
  })
  t.equal(await bodyOf(site, `/${long}`), 'long')
  t.equal(await bodyOf(site, `/x${long}`), 'app')
  t.equal(await bodyOf(site, `/${'%C3%A9'.repeat(127)}`), 'app', 'too long once decomposed')
  t.equal(await bodyOf(site, '/caf%C3%A9.txt'), 'decomposed')
  t.equal(await bodyOf(site, '/nai%CC%88f.txt'), 'decomposed too')
  t.equal(await bodyOf(site, '/u%CC%88ber.txt'), 'composed')
  t.equal(await bodyOf(site, '/100%25.txt'), 'percent')
  t.equal(await bodyOf(site, `/${'y/'.repeat(3000)}`), 'app', 'a path beyond PATH_MAX')
})
