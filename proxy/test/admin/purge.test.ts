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

await t.test('POST names hosts, or everything', async (t) => {
  const { url, purges } = await startAdmin(t)
  const post = async (body: object) => askJson(`${url}/purge`, { method: 'POST', body: JSON.stringify(body) })
  const hosts = { 'a.example': 12, 'b.example': 12 }
  t.same(await post({ hosts: ['a.example', 'B.example'] }), { status: 200, body: { hosts, entries: 24 } })
  t.same(await post({ everything: true }), { status: 200, body: { hosts: { 'a.example': 3 }, entries: 3 } })
  t.same(purges, [{ hosts: ['a.example', 'b.example'] }, { all: true }])
})

await t.test('what is wrong is said, and nothing is purged', async (t) => {
  const { url, purges } = await startAdmin(t)
  const refusals: readonly [query: string, error: RegExp][] = [
    ['', /no host is named/],
    ['?hosts=a.example', /unknown parameter "hosts"/],
    ['?host=a.example&host=b.example:8443', /"b\.example:8443" is not a host name \(without a port\)/],
    ['?host=', /"" is not/],
    ['?host=127.0.0.1', /"127\.0\.0\.1" is not/],
    [`?${'host=a&'.repeat(1001)}`, /1001 hosts: at most 1000/],
  ]
  for (const [query, error] of refusals) {
    t.match(await askJson(`${url}/purge${query}`), { status: 400, body: { code: 'EDGE_ERR_PURGE_INVALID', error } })
  }
  const bodies = [[], null, 'a', {}, { hosts: [] }, { hosts: 'a' }, { hosts: [1] }, { everything: false }, { urls: [] }]
  for (const body of [...bodies, { hosts: ['a.example'], everything: true }]) {
    const question = { method: 'POST', body: JSON.stringify(body) }
    t.match(
      await askJson(`${url}/purge`, question),
      { status: 400, body: { code: 'EDGE_ERR_PURGE_INVALID' } },
      question,
    )
  }
  t.match(await askJson(`${url}/purge`, { method: 'POST' }), { status: 400 })
  t.equal((await ask(`${url}/purge?host=a.example`, { method: 'HEAD' })).status, 404, 'HEAD never purges')
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
