import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { PageFiles } from '../../src/cache/page-files.ts'
import { temporaryFolder } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const page = { host: 'a.im', scheme: 'http', target: '/a', contentType: 'text/html', cacheControl: '' } as const

async function open(t: Test) {
  const folder = temporaryFolder(t)
  const pages = new PageFiles(folder, pino({ level: 'silent' }))
  await pages.open()
  const read = (name: string) => {
    const file = path.join(folder, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
  return { folder, pages, read, unfinished: () => readdirSync(path.join(folder, '.tmp')) }
}

await t.test('a page is there whole, and its temporary file is gone', async (t) => {
  const { pages, read, unfinished } = await open(t)
  await pages.write(page, 'body', () => true)
  t.equal(read('a.im/http/temporary/a/index.html'), 'body')
  await pages.write(page, 'other body', () => true)
  t.equal(read('a.im/http/temporary/a/index.html'), 'other body')
  t.strictSame(unfinished(), [])
})

await t.test('a page that was made before a change is discarded', async (t) => {
  const { pages, read, unfinished } = await open(t)
  let current = true
  const writing = pages.write(page, 'old', () => current)
  current = false
  await writing
  t.equal(read('a.im/http/temporary/a/index.html'), undefined)
  t.strictSame(unfinished(), [])
})

await t.test('once closed, nothing is written', async (t) => {
  const { pages, read } = await open(t)
  const writing = pages.write(page, 'late', () => true)
  pages.close()
  await writing
  t.equal(read('a.im/http/temporary/a/index.html'), undefined)
})

await t.test('a name that collides with another page is simply not written', async (t) => {
  const { pages, read } = await open(t)
  await pages.write({ ...page, target: '/feed.rss', contentType: 'text/xml' }, 'feed', () => true)
  await pages.write({ ...page, target: '/feed.rss/below' }, 'below', () => true)
  t.equal(read('a.im/http/temporary/feed.rss'), 'feed')
  await pages.write({ ...page, target: '/x/y' }, 'y', () => true)
  await pages.write({ ...page, target: '/x', contentType: 'text/plain' }, 'x', () => true)
  t.equal(read('a.im/http/temporary/x/y/index.html'), 'y')
})

await t.test('removal takes both schemes and variants of each host, and no other page', async (t) => {
  const { folder, pages, read, unfinished } = await open(t)
  for (const host of ['a.im', 'b.im']) {
    for (const scheme of ['http', 'https'] as const) {
      for (const cacheControl of ['', 'max-age=60']) {
        await Promise.all(
          ['/a', '/a/below', '/'].map((target) =>
            pages.write({ host, scheme, target, cacheControl, contentType: 'text/html' }, target, () => true),
          ),
        )
      }
    }
  }
  await pages.remove(['a.im', 'b.im', 'never.im'], ['/a', '/never'])
  for (const host of ['a.im', 'b.im']) {
    for (const place of ['http/temporary', 'http/permanent', 'https/temporary', 'https/permanent']) {
      t.equal(read(`${host}/${place}/a/index.html`), undefined)
      t.equal(read(`${host}/${place}/a/below/index.html`), '/a/below')
      t.equal(read(`${host}/${place}/index.html`), '/')
    }
  }
  await pages.removeAll('a.im')
  t.strictSame(readdirSync(path.join(folder, 'a.im')), [])
  await waitUntil(() => unfinished().length === 0)
  t.ok(read('b.im/http/temporary/index.html'))
})

await t.test('what a killed process left is cleared when it is old', async (t) => {
  const { folder, pages, unfinished } = await open(t)
  mkdirSync(path.join(folder, '.tmp/folder'))
  writeFileSync(path.join(folder, '.tmp/young'), '')
  utimesSync(path.join(folder, '.tmp/folder'), 0, 0)
  await pages.open()
  t.strictSame(unfinished(), ['young'])
})
