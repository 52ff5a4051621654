import t from 'tap'
import { keptFields, needsPage } from '../../src/upstream/trouble.ts'

const NAVIGATION = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'
const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json'
const PROBLEM = 'application/problem+json'

await t.test('who gets a page, and who gets what the app says in trouble', async (t) => {
  const rows: [name: string, method: string, accept: string | undefined, type: string | undefined, page: boolean][] = [
    ['a browser opens a page', 'GET', NAVIGATION, HTML, true],
    ['a browser opens an API', 'GET', NAVIGATION, JSON_TYPE, true],
    ['a browser opens a text', 'GET', NAVIGATION, 'text/plain', true],
    ['a browser sends a form', 'POST', NAVIGATION, HTML, true],
    ['a browser that would read JSON', 'GET', 'text/html, application/json;q=0.5', JSON_TYPE, true],
    ['a script that would read HTML', 'GET', 'application/json, text/html;q=0.5', JSON_TYPE, false],
    ['a script that would read HTML, and a problem', 'GET', 'application/json, text/html;q=0.5', PROBLEM, false],
    ['a script that would read HTML, and gets it', 'GET', 'application/json, text/html;q=0.5', HTML, true],
    ['curl, and a page', 'GET', '*/*', HTML, true],
    ['curl, and the head of a page', 'HEAD', '*/*', HTML, true],
    ['curl, and no type', 'GET', '*/*', undefined, true],
    ['curl, and text', 'GET', '*/*', 'text/plain; charset=utf-8', false],
    ['nobody says anything', 'GET', undefined, undefined, true],
    ['nothing in the fields', 'GET', '', '', true],
    ['nobody says what he wants', 'GET', undefined, JSON_TYPE, false],
    ['a script, and JSON', 'GET', 'application/json', JSON_TYPE, false],
    ['a script, and a page', 'GET', 'application/json', HTML, true],
    ['anything but HTML', 'GET', 'text/html;q=0, */*', HTML, true],
    ['a reader of feeds', 'GET', 'application/atom+xml, text/xml, */*;q=0.1', 'application/atom+xml', false],
    ['an image', 'GET', 'image/avif,image/*,*/*;q=0.8', HTML, true],
    ['a webhook', 'POST', undefined, HTML, false],
    ['a call of an API', 'DELETE', '*/*', undefined, false],
  ]
  for (const [name, method, accept, type, page] of rows) {
    const headers = type === undefined ? [] : ['Content-Type', type]
    const answer = { status: 500, reasonPhrase: '', headers, target: undefined as never }
    const asked = { method, headers: accept === undefined ? {} : { accept } }
    t.equal(
      needsPage(answer, asked, () => false),
      page,
      name,
    )
    t.equal(
      needsPage(answer, asked, () => true),
      false,
      `${name}: composed`,
    )
  }
})

await t.test('of an answer that a page takes the place of, what is about more than its body is kept', async (t) => {
  const kept = [
    'Access-Control-Allow-Origin',
    '*',
    'RateLimit',
    'a',
    'ratelimit-policy',
    'b',
    'X-RateLimit-Remaining',
    '0',
    'Set-Cookie',
    'c=1',
    'set-cookie',
    'd=2',
    'Strict-Transport-Security',
    'max-age=1',
    'Server-Timing',
    'db',
  ]
  const gone = [
    'Content-Type',
    'text/html',
    'ETag',
    '"a"',
    'Content-Security-Policy',
    'x',
    'X-Powered-By',
    'y',
    'Link',
    'z',
  ]
  t.strictSame(keptFields([...gone, ...kept, 'Content-Length', '5', 'Refresh', '1', 'X-Ratelimited', '1']), kept)
})
