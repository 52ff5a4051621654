import t from 'tap'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const garden = 'http://garden.blot.localhost'

await t.test('headers of pages', async (t) => {
  const app = await startTestApp(t, { files: { 'garden/a.md': '# A' } })
  const first = await app.visit(`${garden}/a`)
  const { etag = '', 'last-modified': modified = '' } = first.headers

  await t.test('pages are shared for a day and asked for each time by browsers', async (t) => {
    t.equal(first.headers['cache-control'], 'public, max-age=0, s-maxage=86400, stale-while-revalidate=60')
    t.match(etag, /^"[\w-]{22}"$/)
    t.ok(Date.parse(modified) <= Date.now())
    t.equal(first.headers['x-content-type-options'], 'nosniff')
    t.equal(first.headers['content-type'], 'text/html; charset=utf-8')
  })

  await t.test('a copy that is still good is not sent again', async (t) => {
    for (const headers of [
      { 'if-none-match': etag },
      { 'if-none-match': `"x", W/${etag}` },
      { 'if-none-match': '*' },
    ]) {
      const { status, text, headers: sent } = await app.visit(`${garden}/a`, { headers })
      t.equal(status, 304)
      t.equal(text, '')
      t.equal(sent.etag, etag)
      t.ok(sent['cache-control'])
    }
    await waitUntil(async () => {
      const { headers } = await app.visit(`${garden}/a`)
      return (
        (await app.visit(`${garden}/a`, { headers: { 'if-modified-since': headers['last-modified'] } })).status === 304
      )
    })
    t.equal(
      (await app.visit(`${garden}/a`, { headers: { 'if-none-match': '"x"', 'if-modified-since': modified } })).status,
      200,
    )
    t.equal((await app.visit(`${garden}/a`, { headers: { 'if-modified-since': 'never' } })).status, 200)
  })

  await t.test('HEAD has the headers of GET', async (t) => {
    const { status, headers, text } = await app.visit(`${garden}/a`, { method: 'HEAD' })
    t.equal(status, 200)
    t.equal(text, '')
    t.equal(headers.etag, etag)
    t.equal(headers['content-length'], String(first.bytes.length))
  })

  await t.test('other methods are told what is allowed', async (t) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
      const { status, headers } = await app.visit(`${garden}/a`, { method })
      t.equal(status, 405, method)
      t.equal(headers.allow, 'GET, HEAD')
    }
  })

  await t.test('a change gives new validators', async (t) => {
    app.write('garden/a.md', '# A\n\nmore')
    await waitUntil(async () => (await app.visit(`${garden}/a`)).headers.etag !== etag)
    t.equal(
      (await app.visit(`${garden}/a`, { headers: { 'if-none-match': etag, 'if-modified-since': modified } })).status,
      200,
    )
  })

  await t.test('a missing page says so in the template and is kept for a minute only', async (t) => {
    const { status, text, headers } = await app.visit(`${garden}/nothing`)
    t.equal(status, 404)
    t.match(text, 'There is no page here')
    t.match(text, 'Garden')
    t.equal(headers['cache-control'], 'public, max-age=0, s-maxage=60')
  })
})

await t.test('one page, one address', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/a.md': '# Crème A', 'garden/link.md': '[a](a.md) [b](none.md)' },
  })
  const leadsTo = async (path: string) => {
    const { status, headers } = await app.visit(garden + path)
    return status === 301 ? headers.location : status
  }
  t.equal(await leadsTo('/cr%C3%A8me-a'), 200)
  t.equal(await leadsTo('/cr%c3%a8me%2Da'), '/cr%C3%A8me-a')
  t.equal(await leadsTo('/cr%C3%A8me-a/?x=1'), '/cr%C3%A8me-a?x=1')
  t.equal(await leadsTo('/a.md'), '/cr%C3%A8me-a')
  t.equal(await leadsTo('/cr%C3%A8me-a?utm=1'), 200)
  t.equal(await leadsTo('/archives/'), '/archives')
  t.equal(await leadsTo('//example.com/'), 404)
  t.equal(await leadsTo('//archives'), 404)
  t.equal(await leadsTo('/none.md'), 404)
  t.equal(await leadsTo('/%'), 400)
  t.equal(await leadsTo('/%ff'), 400)
})

await t.test('files are sent as they are, whole or in part', async (t) => {
  const content = '0123456789'
  const app = await startTestApp(t, {
    files: {
      'garden/in/digits.txt': content,
      'garden/empty.txt': '',
      'garden/a.svg': '<svg/>',
      'garden/b.unknown': 'x',
      'garden/with space+(1).txt': 'y',
    },
  })
  const digits = `${garden}/in/digits.txt`
  const range = async (value: string, more = {}) => {
    const { status, text, headers } = await app.visit(digits, { headers: { range: value, ...more } })
    return [status, text, headers['content-range']]
  }
  const whole = await app.visit(digits)
  const { etag = '', 'last-modified': modified = '' } = whole.headers

  await t.test('whole', async (t) => {
    t.equal(whole.text, content)
    t.equal(whole.headers['content-type'], 'text/plain; charset=utf-8')
    t.match(whole.headers['cache-control'], /^public, max-age=\d+/)
    t.equal((await app.visit(digits, { headers: { 'if-none-match': etag } })).status, 304)
    t.equal((await app.visit(digits, { headers: { 'if-modified-since': modified } })).status, 304)
    const head = await app.visit(digits, { method: 'HEAD' })
    t.strictSame([head.status, head.text, head.headers['content-length']], [200, '', '10'])
    t.strictSame(
      [(await app.visit(`${garden}/empty.txt`)).status, (await app.visit(`${garden}/empty.txt`)).text],
      [200, ''],
    )
    t.equal((await app.visit(`${garden}/a.svg`)).headers['content-type'], 'image/svg+xml')
    t.equal((await app.visit(`${garden}/b.unknown`)).headers['content-type'], 'application/octet-stream')
    t.equal((await app.visit(`${garden}/with%20space+(1).txt`)).text, 'y')
  })

  await t.test('in part', async (t) => {
    t.strictSame(await range('bytes=2-4'), [206, '234', 'bytes 2-4/10'])
    t.strictSame(await range('bytes=7-'), [206, '789', 'bytes 7-9/10'])
    t.strictSame(await range('bytes=-3'), [206, '789', 'bytes 7-9/10'])
    t.strictSame(await range('bytes=8-99'), [206, '89', 'bytes 8-9/10'])
    t.strictSame(await range('bytes=10-'), [416, '', 'bytes */10'])
    t.strictSame(await range('bytes=-0'), [416, '', 'bytes */10'])
    t.strictSame(await range('bytes=4-2'), [200, content, undefined])
    t.strictSame(await range('lines=1-2'), [200, content, undefined])
    t.strictSame(await range('bytes=2-4', { 'if-range': etag }), [206, '234', 'bytes 2-4/10'])
    t.strictSame(await range('bytes=2-4', { 'if-range': modified }), [206, '234', 'bytes 2-4/10'])
    t.strictSame(await range('bytes=2-4', { 'if-range': '"old"' }), [200, content, undefined])
  })
})
