import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { blogId } from '../../src/blogs/blog-id.ts'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const garden = 'http://garden.blot.localhost'

await t.test('nothing but what is public leaves a folder', async (t) => {
  const app = await startTestApp(t, {
    files: {
      'garden/a.md': '# A',
      'garden/public.txt': 'public',
      'garden/blog.json': '{}',
      'garden/.secret': 'secret',
      'garden/.git/config': 'secret',
      'garden/in/.env': 'secret',
      'garden/in/blog.json': '{"fine": true}',
      'harbor/secret.txt': 'secret',
    },
  })
  const folder = path.join(app.folder, 'blogs/garden')
  writeFileSync(path.join(app.folder, 'secret.txt'), 'secret')
  mkdirSync(path.join(folder, 'links'))
  const links: Readonly<Record<string, string>> = {
    'links/out.txt': path.join(app.folder, 'secret.txt'),
    'links/other.txt': '../../harbor/secret.txt',
    'links/folder': app.folder,
    'links/git': '../.git',
    'links/hidden.txt': '../.secret',
    'links/settings.txt': '../blog.json',
    'links/source.txt': '../a.md',
    'links/loop': 'loop',
    'links/fine.txt': '../public.txt',
  }
  for (const [link, to] of Object.entries(links)) symlinkSync(to, path.join(folder, link))
  execFileSync('mkfifo', [path.join(folder, 'pipe.txt')])

  const hidden = [
    '/.secret',
    '/%2esecret',
    '/.git/config',
    '/in/.env',
    '/blog.json',
    '/BLOG.json',
    '/%62log.json',
    '/../harbor/secret.txt',
    '/..%2fharbor%2fsecret.txt',
    '/%2e%2e/harbor/secret.txt',
    '/%2e%2e%2fharbor/secret.txt',
    '/in/../../harbor/secret.txt',
    '/..\\harbor\\secret.txt',
    '/..%5charbor%5csecret.txt',
    '/%252e%252e/secret.txt',
    '/public.txt%00',
    '/public.txt%00.png',
    '/public.txt/',
    '/public.txt/x',
    '//public.txt',
    '/./public.txt',
    '/links/out.txt',
    '/links/other.txt',
    '/links/folder/secret.txt',
    '/links/git/config',
    '/links/hidden.txt',
    '/links/settings.txt',
    '/links/source.txt',
    '/links/loop',
    '/links',
    '/in',
    '/in/',
    '/pipe.txt',
    `/${'x'.repeat(300)}.txt`,
    `/${'in/'.repeat(900)}`,
    app.folder + '/secret.txt',
  ]
  for (const target of hidden) {
    const { status, text } = await app.visit(garden + target)
    t.ok(status === 404 || status === 400, `${status} ${target.slice(0, 60)}`)
    t.notMatch(text, /^secret/)
    const preview = await app.visit(`http://preview-garden.blot.localhost${target}`)
    t.ok(preview.status === 404 || preview.status === 400, `preview ${target.slice(0, 60)}`)
  }
  t.equal((await app.visit(`${garden}/public.txt`)).text, 'public')
  t.equal((await app.visit(`${garden}/links/fine.txt`)).text, 'public')
  t.equal((await app.visit(`${garden}/in/blog.json`)).text, '{"fine": true}')
})

await t.test('a file is closed however its visitor leaves', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/big.bin': Buffer.alloc(20_000_000) } })
  const opened = () => readdirSync('/proc/self/fd').length
  const url = `${garden}/big.bin`
  await app.visit(url)
  const before = opened()
  const visits = Array.from({ length: 20 }, async () => {
    await app.visit(url, { method: 'HEAD' })
    await app.visit(url, { headers: { 'if-none-match': '*' } })
    await app.visit(url, { headers: { range: 'bytes=99999999-' } })
    await leaveEarly(app.port)
  })
  await Promise.all(visits)
  await waitUntil(() => opened() <= before)
})

/** Asks for a large file and hangs up after its first bytes. */
async function leaveEarly(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /big.bin HTTP/1.1\r\nHost: garden.blot.localhost\r\n\r\n')
  await once(socket, 'data')
  socket.destroy()
}

await t.test('cdn shows what the app made and what the folder holds', async (t) => {
  const app = await startTestApp(t, {
    files: {
      'garden/a.md': '# A',
      'garden/in/a.txt': 'text',
      'garden/.secret': 's',
      'garden/Drafts/d.txt': 'd',
      'garden/style.css': 'own',
    },
  })
  const cdn = 'http://cdn.blot.localhost'
  const id = blogId('garden')
  const style = await app.visit(`${cdn}/${id}/style.css`)
  t.equal(style.text, (await app.visit(`${garden}/style.css`)).text)
  t.equal(style.headers['access-control-allow-origin'], '*')
  t.equal(style.headers['cache-control'], 'public, max-age=31536000')
  t.equal((await app.visit(`${cdn}/${id}/in/a.txt`)).text, 'text')
  const hidden = [
    `/${id}`,
    `/${id}/`,
    `/${id}/.secret`,
    `/${id}/Drafts/d.txt`,
    `/${id}/../x`,
    `/${id}/a.md`,
    '/x/a.txt',
    `/${id}/a`,
  ]
  for (const target of hidden) t.equal((await app.visit(cdn + target)).status, 404, target)
  const root = await app.visit(`${cdn}/`)
  t.strictSame([root.status, root.headers.location], [301, 'http://blot.localhost/'])
  const folder = path.join(app.folder, 'data/static', id)
  linkSync(path.join(folder, 'style.css'), path.join(folder, 'copy.css'))
  t.equal((await app.visit(`${cdn}/${id}/copy.css`)).status, 200)
})
