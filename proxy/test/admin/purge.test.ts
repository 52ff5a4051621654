import t from 'tap'
import { ask, askJson, startAdmin } from './start.ts'

await t.test('GET names hosts and answers a line each', async (t) => {
  const { url, purges } = await startAdmin(t)
  const answer = await ask(`${url}/purge?host=A.example.&host=b%C3%BCcher.example&host=a.example`)
  t.equal(answer.status, 200)
  t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8')
  t.equal(answer.text, 'a.example: 12\nxn--bcher-kva.example: 12\n')
  t.same(purges, [{ hosts: ['a.example', 'xn--bcher-kva.example'] }])
})

const post = async (url: string, body: unknown) =>
  askJson(`${url}/purge`, { method: 'POST', body: JSON.stringify(body) })

await t.test('GET names tags, too', async (t) => {
  const { url, purges } = await startAdmin(t)
  const answer = await ask(`${url}/purge?tag=blog:1&host=a.example&tag=post:1:x%2525`)
  t.equal(answer.text, 'a.example: 12\ntag blog:1: 12\ntag post:1:x%25: 12\n')
  t.same(purges, [{ hosts: ['a.example'], tags: ['blog:1', 'post:1:x%25'] }])
})

await t.test('POST names hosts, URLs, prefixes and tags, or everything', async (t) => {
  const { url, purges } = await startAdmin(t)
  t.same(await post(url, { hosts: ['a.example', 'B.example', 'A.example'], tags: ['blog:1'], soft: true }), {
    status: 200,
    body: { entries: 36, pending: false, names: { 'host a.example': 12, 'host b.example': 12, 'tag blog:1': 12 } },
  })
  const urls = ['https://A.example/x?y=%20z', 'http://b.example:8080', '//b\u00fccher.example/\u00fc \u{1f33b}#part']
  await post(url, { urls, prefixes: ['HTTPS://a.example/2026'] })
  t.same(await post(url, { everything: true }), {
    status: 200,
    body: { entries: 12, pending: false, names: { everything: 12 } },
  })
  t.same(purges, [
    { hosts: ['a.example', 'b.example'], tags: ['blog:1'], soft: true },
    {
      urls: ['//a.example/x?y=%20z', '//b.example/', '//xn--bcher-kva.example/%C3%BC%20%F0%9F%8C%BB'],
      prefixes: ['//a.example/2026'],
    },
    { everything: true },
  ])
})

await t.test('202 says that other machines have yet to hear of it', async (t) => {
  const { url } = await startAdmin(t, { purge: async () => ({ counts: [3], pending: true }) })
  t.match(await ask(`${url}/purge?host=a.example`), { status: 202, text: 'a.example: 3\n' })
  t.match(await post(url, { tags: ['x'] }), { status: 202, body: { pending: true, names: { 'tag x': 3 } } })
})

await t.test('what is wrong is said, and nothing is purged', async (t) => {
  const { url, purges } = await startAdmin(t)
  const refusals: readonly [query: string, error: RegExp][] = [
    ['', /no host is named/],
    ['?hosts=a.example', /unknown parameter "hosts"/],
    ['?host=a.example&host=b.example:8443', /"b\.example:8443" is not a host name \(without a port\)/],
    ['?host=', /"" is not/],
    ['?host=127.0.0.1', /"127\.0\.0\.1" is not/],
    [`?${'host=a&'.repeat(1001)}`, /1001 names: at most 1000/],
  ]
  const refused = (error: RegExp) => ({ status: 400, body: { code: 'EDGE_ERR_PURGE_INVALID', error } })
  for (const [query, error] of refusals) t.match(await askJson(`${url}/purge${query}`), refused(error), query)
  const bodies: readonly [body: unknown, error: RegExp][] = [
    [[], /the body must be object: expected \{"hosts": \["example\.com"\]\}/],
    [null, /the body must be object/],
    [{}, /nothing is named/],
    [{ hosts: [] }, /nothing is named/],
    [{ soft: true }, /nothing is named/],
    [{ hosts: 'a' }, /"hosts" must be array/],
    [{ hosts: ['a.example', 1] }, /"hosts\.1" must be string/],
    [{ hosts: ['a.example'], paths: ['/'] }, /"paths" is unknown/],
    [{ everything: false }, /"everything"/],
    [{ everything: true, hosts: ['a.example'] }, /everything is named, and something besides/],
    [{ hosts: ['a.example'], soft: 'yes' }, /"soft" must be boolean/],
    [{ urls: ['/path'] }, /"\/path" is not a URL: https:\/\/example\.com\/path/],
    [{ urls: ['https://a.example:port/'] }, /is not a URL/],
    [{ urls: ['https://user:1@a.example/'] }, /is not a URL/],
    [{ urls: ['ftp://a.example/'] }, /is not a URL/],
    [{ urls: ['https://a.example/\ud800'] }, /is not a URL/],
    [{ prefixes: ['https://a.example?x'] }, /is not a URL/],
    [{ urls: [`https://a.example/${'x'.repeat(2048)}`] }, /is longer than 2048 characters/],
    [{ tags: [''] }, /"" is not a tag/],
    [{ tags: ['a,b'] }, /"a,b" is not a tag/],
    [{ tags: ['x'.repeat(257)] }, /is not a tag/],
    [{ tags: Array.from({ length: 1001 }, String) }, /1001 names: at most 1000/],
  ]
  for (const [body, error] of bodies) t.match(await post(url, body), refused(error), JSON.stringify(body).slice(0, 80))
  t.match(await askJson(`${url}/purge`, { method: 'POST' }), refused(/the body/))
  t.equal((await ask(`${url}/purge?host=a.example`, { method: 'HEAD' })).status, 404, 'HEAD never purges')
  t.same(purges, [])
})

await t.test('a body that is no JSON is refused in our own words', async (t) => {
  const { url, purges } = await startAdmin(t)
  const send = async (body: string, type: string) =>
    askJson(`${url}/purge`, { method: 'POST', body, headers: { 'content-type': type } })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json5', 'nonsense']) {
    const refused = { status: 415, body: { code: 'EDGE_ERR_ADMIN_BODY_TYPE_INVALID', error: /application\/json/ } }
    t.match(await send('{"everything":true}', type), refused, type)
  }
  for (const body of ['{', '', '{"everything":true']) {
    t.match(await send(body, 'application/json'), { status: 400, body: { code: 'EDGE_ERR_ADMIN_BODY_INVALID' } }, body)
  }
  t.same(purges, [])
})

await t.test('a page of another site cannot purge through a browser', async (t) => {
  const { url, purges } = await startAdmin(t)
  const host = new URL(url).host
  const foreign = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://${host}0` },
  ]
  const body = '{"everything":true}'
  for (const headers of foreign) {
    const refused = { status: 403, body: { code: 'EDGE_ERR_ADMIN_CROSS_SITE' } }
    t.match(await askJson(`${url}/purge?host=a.example`, { headers }), refused, headers)
    t.match(await askJson(`${url}/purge`, { method: 'POST', headers, body }), refused, headers)
    t.equal((await ask(`${url}/`, { headers })).status, 200, 'a link to the dashboard works')
  }
  t.same(purges, [])
  for (const headers of [
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: `http://${host}` },
  ]) {
    t.equal((await ask(`${url}/purge`, { method: 'POST', headers, body })).status, 200)
  }
})
