import t from 'tap'
import { PAGES, type PageName } from '../../src/server/pages/content.ts'
import { renderPage } from '../../src/server/pages/page.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const REQUEST_ID = '0123456789abcdef0123456789abcdef'
const NAMES = Object.keys(PAGES) as PageName[]

function textOf(page: PageName, accept: string | undefined, retryAfter?: string): string {
  const details = { status: 503, requestId: REQUEST_ID, ...(retryAfter === undefined ? {} : { retryAfter }) }
  return renderPage(page, details, accept).body.toString()
}

await t.test('every page is small, whole, and loads nothing', async (t) => {
  for (const name of NAMES) {
    const { contentType, body } = renderPage(name, { status: 418, requestId: REQUEST_ID }, BROWSER)
    const html = body.toString()
    t.equal(contentType, 'text/html; charset=utf-8')
    t.ok(body.length < 4096, `${name}: ${body.length} bytes`)
    t.notMatch(html, /https?:|src=|url\(|@import|<script|<link/i, `${name} refers to nothing`)
    for (const part of ['<!doctype html>', '</html>', '418', PAGES[name].title, REQUEST_ID]) t.match(html, part)
  }
})

await t.test('programs get JSON, terminals get text', async (t) => {
  const details = { status: 404, requestId: REQUEST_ID }
  const json = renderPage('not-found', details, 'application/json')
  t.equal(json.contentType, 'application/json; charset=utf-8')
  t.same(JSON.parse(json.body.toString()), { status: 404, error: 'not-found', requestId: REQUEST_ID })
  const text = renderPage('not-found', details, '*/*')
  t.equal(text.contentType, 'text/plain; charset=utf-8')
  t.match(text.body.toString(), /^404 Nothing here\n.*\nRequest 0123456789abcdef0123456789abcdef\n$/)
})

await t.test('Accept decides', async (t) => {
  const cases: readonly [accept: string | undefined, form: string][] = [
    [undefined, 'text/plain'],
    ['', 'text/plain'],
    ['*/*', 'text/plain'],
    [BROWSER, 'text/html'],
    ['TEXT/HTML', 'text/html'],
    ['application/json, text/plain, */*', 'application/json'],
    ['text/plain, application/json', 'text/plain'],
    ['*/*, application/json', 'application/json'],
    ['application/*', 'application/json'],
    ['text/*', 'text/plain'],
    ['text/html;q=0.4, application/json;q=0.5', 'application/json'],
    ['text/html;level=1; q=0.9, application/json; Q=0.95', 'application/json'],
    ['*/*, text/plain;q=0', 'text/html'],
    ['text/html;q=0, */*;q=0.1', 'text/plain'],
    ['application/json;q=nonsense, text/html;q=0.1', 'application/json'],
    ['image/png', 'text/plain'],
    [',;,;q=,', 'text/plain'],
    [`${'a/b,'.repeat(5000)}text/html`, 'text/plain'],
  ]
  for (const [accept, form] of cases) {
    const { contentType } = renderPage('offline', { status: 502, requestId: REQUEST_ID }, accept)
    t.equal(contentType, `${form}; charset=utf-8`, String(accept).slice(0, 80))
  }
})

await t.test('the time to wait is said in words, when it is a number', async (t) => {
  t.match(textOf('maintenance', BROWSER, '120'), 'It should answer again in 2 minutes.')
  t.match(textOf('unavailable', '*/*', '1'), 'in 1 second.')
  t.match(textOf('unavailable', '*/*', '7200'), 'in 2 hours.')
  for (const odd of ['Fri, 31 Dec 1999 23:59:59 GMT', '-1', '<b>', '999999999']) {
    t.notMatch(textOf('unavailable', BROWSER, odd), 'answer again')
  }
})

await t.test('waiting pages offer to try again', async (t) => {
  t.match(textOf('offline', BROWSER), 'Try again')
  t.notMatch(textOf('not-found', BROWSER), 'Try again')
})

await t.test('what is written into a page is escaped', async (t) => {
  const { body } = renderPage('not-found', { status: 404, requestId: '<script>"&' }, BROWSER)
  t.match(body.toString(), '&#60;script&#62;&#34;&#38;')
})
