import t from 'tap'
import { pageFileOf, pageFilesOf } from '../../src/cache/page-file.ts'

const html = 'text/html; charset=utf-8'
const temporary = 'public, max-age=0, s-maxage=86400'

function fileOf(target: string, contentType = html, cacheControl = temporary) {
  return pageFileOf({ host: 'garden.blot.im', scheme: 'https', target, contentType, cacheControl })
}

await t.test('the layout of the cache folder', async (t) => {
  t.equal(fileOf('/'), 'garden.blot.im/https/temporary/index.html')
  t.equal(fileOf('/my-post'), 'garden.blot.im/https/temporary/my-post/index.html')
  t.equal(fileOf('/tagged/caf%C3%A9'), 'garden.blot.im/https/temporary/tagged/caf%C3%A9/index.html', 'names stay raw')
  t.equal(fileOf('/about.html'), 'garden.blot.im/https/temporary/about.html')
  t.equal(fileOf('/feed.rss', 'application/rss+xml'), 'garden.blot.im/https/temporary/feed.rss')
  t.equal(fileOf('/plain', 'text/plain'), 'garden.blot.im/https/temporary/plain')
  t.equal(
    pageFileOf({ host: 'a.im', scheme: 'http', target: '/', contentType: html, cacheControl: '' }),
    'a.im/http/temporary/index.html',
  )
})

await t.test('an age of its own makes a page permanent', async (t) => {
  t.match(fileOf('/a.css', 'text/css', 'public, max-age=31536000, immutable'), '/permanent/a.css')
  t.match(fileOf('/a.css', 'text/css', 'max-age=60'), '/permanent/')
  for (const control of ['', 'max-age=0', 's-maxage=60', 'public, s-maxage=60, max-age=0']) {
    t.match(fileOf('/a.css', 'text/css', control), '/temporary/', control)
  }
})

await t.test('what is not to be kept has no file', async (t) => {
  for (const control of ['no-store', 'no-cache', 'max-age=60, private']) t.equal(fileOf('/a', html, control), undefined)
})

await t.test('a query is part of the name only with an extension', async (t) => {
  t.equal(fileOf('/a?b=1'), undefined)
  t.equal(fileOf('/?b=1'), undefined)
  t.match(fileOf('/style.css?v=1&extension=.css', 'text/css'), '/temporary/style.css?v=1&extension=.css')
  t.equal(fileOf('/style.css?extension=/../../x', 'text/css'), undefined)
})

await t.test('unsafe names have no file', async (t) => {
  for (const target of [
    '/..',
    '/../a',
    '/a/../b',
    '/./a',
    '//a',
    '/a//b',
    '/a/',
    '/a\0',
    '/a\\b',
    'a',
    '',
    '*',
    'http://x/',
    `/${'x'.repeat(256)}`,
    `/${'x/'.repeat(1200)}x`,
    '/index.html',
    '/a/index.html',
  ]) {
    t.equal(fileOf(target), undefined, target.slice(0, 20))
  }
  t.match(fileOf('/%2e%2e/a'), '/%2e%2e/a', 'a name like any other')
  t.equal(pageFileOf({ host: '..', scheme: 'http', target: '/', contentType: html, cacheControl: '' }), undefined)
})

await t.test('every file that a target may have is known for its removal', async (t) => {
  for (const [target, type, control] of [
    ['/', html, temporary],
    ['/a', html, 'max-age=1'],
    ['/a', 'text/plain', temporary],
    ['/feed.rss', 'application/rss+xml', temporary],
    ['/style.css?v=1&extension=.css', 'text/css', 'max-age=1'],
  ] as const) {
    t.ok(pageFilesOf('garden.blot.im', target).includes(fileOf(target, type, control) ?? ''), target)
  }
})
