import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { uploadSegments } from '../../src/uploads/upload-path.ts'
import { receiveUpload } from '../../src/uploads/receive-upload.ts'
import { startTestApp, temporaryFolder, type TestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const token = 'upload-token'
const authorization = `Bearer ${token}`
const files = { 'garden/a.md': '# A', 'harbor/a.md': '# A' }

const app = await startTestApp(t, { files, environment: { BLOT_UPLOAD_TOKEN: token } })

function put(
  app: TestApp,
  target: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = { authorization },
) {
  return app.visit(`http://blot.localhost/sites/${target}`, { method: 'PUT', body, headers })
}

const unfinished = (app: TestApp) => readdirSync(path.join(app.folder, 'data/uploads'))

await t.test('a file arrives whole and becomes a page', async (t) => {
  const created = await put(app, 'garden/files/Posts/new%20post.md', '# New post')
  t.strictSame([created.status, JSON.parse(created.text)], [201, { path: 'Posts/new post.md' }])
  await waitUntil(async () => (await app.visit('http://garden.blot.localhost/new-post')).status === 200)
  t.equal((await put(app, 'garden/files/Posts/new%20post.md', '# Newer post')).status, 204)
  await waitUntil(async () => (await app.visit('http://garden.blot.localhost/newer-post')).status === 200)
  const file = path.join(app.folder, 'blogs/garden/Posts/new post.md')
  t.equal(statSync(file).mode & 0o777, 0o644)
  t.equal((await put(app, 'garden/files/empty.txt', '')).status, 201)
  t.strictSame(unfinished(app), [])
})

await t.test('a large file is not held in memory', async (t) => {
  const body = Buffer.alloc(30_000_000, 'abcdefgh')
  t.equal((await put(app, 'garden/files/large.bin', body)).status, 201)
  t.ok(readFileSync(path.join(app.folder, 'blogs/garden/large.bin')).equals(body))
})

await t.test('strangers change nothing', async (t) => {
  for (const header of [
    '',
    'Bearer',
    'Bearer wrong',
    `Basic ${token}`,
    token,
    `Bearer ${token}x`,
    `Bearer ${token} x`,
  ]) {
    t.equal((await put(app, 'garden/files/x.txt', 'x', { authorization: header })).status, 403, header)
  }
  t.equal((await put(app, 'garden/files/x.txt', 'x', {})).status, 403)
  t.notOk(existsSync(path.join(app.folder, 'blogs/garden/x.txt')))
  const closed = await startTestApp(t, { files })
  t.equal((await put(closed, 'garden/files/x.txt', 'x', { authorization: 'Bearer undefined' })).status, 403)
})

await t.test('nothing is written outside the folder, nor where it is hidden', async (t) => {
  const garden = path.join(app.folder, 'blogs/garden')
  const outside = path.join(app.folder, 'outside')
  mkdirSync(outside)
  writeFileSync(path.join(outside, 'kept.txt'), 'kept')
  symlinkSync(outside, path.join(garden, 'way-out'))
  symlinkSync(path.join(outside, 'kept.txt'), path.join(garden, 'link.txt'))
  const wrong = [
    '..',
    '../harbor/x',
    '..%2fharbor%2fx',
    '%2e%2e/harbor/x',
    'in/../../x',
    '/etc/x',
    '%2fetc%2fx',
    'in//x',
    'in/',
    '.',
    './x',
    '.hidden',
    '%2ehidden',
    'in/.git/x',
    'a%00b',
    'a%0ab',
    'a\\b',
    'a%5cb',
    '%',
    '%ff',
    'x'.repeat(256),
    `${'x/'.repeat(1500)}x`,
  ]
  for (const target of wrong) t.equal((await put(app, `garden/files/${target}`, 'x')).status, 400, target.slice(0, 40))
  t.equal((await put(app, 'garden/files/way-out/x.txt', 'x')).status, 409)
  t.equal((await put(app, 'garden/files/way-out/in/x.txt', 'x')).status, 409)
  t.equal((await put(app, 'garden/files/a.md/x.txt', 'x')).status, 409)
  t.equal((await put(app, 'garden/files/link.txt', 'new')).status, 204)
  t.notOk(lstatSync(path.join(garden, 'link.txt')).isSymbolicLink(), 'the link was replaced, not followed')
  t.strictSame(readdirSync(outside), ['kept.txt'])
  t.equal(readFileSync(path.join(outside, 'kept.txt'), 'utf8'), 'kept')
  mkdirSync(path.join(garden, 'folder'))
  t.equal((await put(app, 'garden/files/folder', 'x')).status, 409)
  t.equal((await put(app, 'nobody/files/x', 'x')).status, 404)
  t.equal((await put(app, '../files/x', 'x')).status, 404)
  t.equal((await put(app, 'garden/files/', 'x')).status, 404)
  t.equal(
    (await app.visit('http://unknown.example/sites/garden/files/x', { method: 'PUT', headers: { authorization } }))
      .status,
    404,
  )
  t.strictSame(unfinished(app), [])
})

await t.test('who announces too much is refused before it is sent', async (t) => {
  const socket = connect(app.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write(
    `PUT /sites/garden/files/x HTTP/1.1\r\nHost: blot.localhost\r\nAuthorization: ${authorization}\r\nContent-Length: 1000000001\r\n\r\n`,
  )
  const [answer]: unknown[] = await once(socket, 'data')
  t.match(String(answer), /^HTTP\/1\.1 413 /)
})

await t.test('who sends too much leaves nothing', async (t) => {
  const folder = temporaryFolder(t)
  const temporaryFolderOfTest = path.join(folder, 'uploads')
  mkdirSync(temporaryFolderOfTest)
  const upload = { folder, segments: ['in', 'x'], temporaryFolder: temporaryFolderOfTest, limitBytes: 10 }
  const tooMuch = receiveUpload({ ...upload, body: Readable.from([Buffer.alloc(6), Buffer.alloc(6)]) })
  await t.rejects(tooMuch, { message: /at most 10 bytes/ })
  t.strictSame(readdirSync(folder), ['uploads'])
  t.equal(await receiveUpload({ ...upload, body: Readable.from([Buffer.alloc(10)]) }), 'created')
})

await t.test('who goes away in the middle leaves nothing', async (t) => {
  for (const framing of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
    const socket = connect(app.port, '127.0.0.1')
    const chunk = framing.startsWith('T') ? '5\r\nhello\r\n' : 'hello'
    socket.write(
      `PUT /sites/garden/files/in/gone.txt HTTP/1.1\r\nHost: blot.localhost\r\nAuthorization: ${authorization}\r\n${framing}\r\n\r\n${chunk}`,
    )
    await waitUntil(() => unfinished(app).length === 1)
    socket.destroy()
    await waitUntil(() => unfinished(app).length === 0)
  }
  t.notOk(existsSync(path.join(app.folder, 'blogs/garden/in')))
})

await t.test('paths are decoded once', async (t) => {
  t.strictSame(uploadSegments('a/b%20c/%C3%A9.md'), ['a', 'b c', 'é.md'])
  t.strictSame(uploadSegments('%252e%252e/x'), ['%2e%2e', 'x'])
})
