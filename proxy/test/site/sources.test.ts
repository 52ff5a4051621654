import t from 'tap'
import { isSource } from '../../src/site/sources.ts'

await t.test('what the app interprets is its own to show', async (t) => {
  for (const path of [
    '/post.md',
    '/A/B.MARKDOWN',
    '/Drafts/picture.png',
    '/drafts/a.html',
    '/Notes/Drafts/a.png',
    '/blog.json',
    '/Blog.json',
  ]) {
    t.ok(isSource(path), path)
  }
})

await t.test('everything else of a folder is a file', async (t) => {
  for (const path of [
    '/picture.png',
    '/a.md/picture.png',
    '/notdrafts/a.png',
    '/a/drafts.png',
    '/data/blog.json',
    '/',
  ]) {
    t.notOk(isSource(path), path)
  }
})
