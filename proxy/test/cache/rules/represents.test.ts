import t from 'tap'
import { representsTarget } from '../../../src/cache/rules/represents.ts'
import { answer, date, type Fields } from './answers.ts'

await t.test('when the answer to a POST is what a GET would get (RFC 9110 9.3.3, 8.7)', async (t) => {
  const subject = { method: 'POST', scheme: 'https', authority: 'a.test:8443', target: '/x/?y=1' } as const
  const fresh = { 'Cache-Control': 'max-age=60' }
  const rows: [name: string, fields: Fields, expected: boolean, status?: number, method?: string][] = [
    ['its own URI, and a lifetime', { ...fresh, 'Content-Location': 'https://a.test:8443/x/?y=1' }, true],
    ['in other letters', { ...fresh, 'Content-Location': 'HTTPS://A.test:8443/x/?y=1' }, true],
    ['relative', { ...fresh, 'Content-Location': '?y=1' }, true],
    ['empty', { ...fresh, 'Content-Location': '' }, true],
    ['by Expires', { Expires: date(60), 'Content-Location': '/x/?y=1' }, true],
    ['no Content-Location', fresh, false],
    ['another query', { ...fresh, 'Content-Location': '/x/' }, false],
    ['another port', { ...fresh, 'Content-Location': 'https://a.test/x/?y=1' }, false],
    ['another scheme', { ...fresh, 'Content-Location': 'http://a.test:8443/x/?y=1' }, false],
    ['no URI', { ...fresh, 'Content-Location': 'https://[' }, false],
    ['two of them', { ...fresh, 'Content-Location': ['/x/?y=1', '/x/?y=1'] }, false],
    ['by guess', { 'Last-Modified': date(-1000), 'Content-Location': '' }, false],
    ['stale', { 'Cache-Control': 'max-age=0', 'Content-Location': '' }, false],
    ['created', { ...fresh, 'Content-Location': '' }, false, 201],
    ['an error', { ...fresh, 'Content-Location': '' }, false, 404],
    ['PUT', { ...fresh, 'Content-Location': '' }, false, 200, 'PUT'],
  ]
  for (const [name, fields, expected, status = 200, method = 'POST'] of rows) {
    t.equal(representsTarget({ ...subject, method }, answer(fields, status)), expected, name)
  }
})
