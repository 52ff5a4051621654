import t from 'tap'
import { startTestApp } from './support/test-app.ts'
import { waitUntil } from './support/wait-until.ts'

const https = { 'x-forwarded-proto': 'https' }

await t.test('each host leads to its site', async (t) => {
  const app = await startTestApp(t, {
    files: {
      'garden/one.md': '# One in the garden',
      'garden/blog.json':
        '{"title": "Garden", "domain": "www.garden.example", "formerHandles": ["allotment", "harbor"]}',
      'harbor/one.md': '# One in the harbor',
      'harbor/blog.json': '{"title": "Harbor", "domain": "harbor.example"}',
    },
  })
  const shows = async (host: string, path = '/') => {
    const { status, headers, text } = await app.visit(`http://${host}${path}`)
    return status === 301 ? headers.location : status === 200 ? /<title>([^<]*)/.exec(text)?.[1] : status
  }

  await t.test('handles and custom domains show the blog', async (t) => {
    t.equal(await shows('garden.blot.localhost'), 'Garden')
    t.equal(await shows('GARDEN.Blot.localhost.:8080'), 'Garden')
    t.equal(await shows('www.garden.example'), 'Garden')
    t.equal(await shows('harbor.example'), 'Harbor')
    t.equal(await shows('harbor.blot.localhost'), 'Harbor', 'a present handle is no former one')
  })

  await t.test('the other one of apex and www leads to the written one, with path and query', async (t) => {
    t.equal(await shows('garden.example', '/one?a=1&b=%20'), 'http://www.garden.example/one?a=1&b=%20')
    t.equal(await shows('www.harbor.example:8443', '/%2e%2e/x'), 'http://harbor.example:8443/%2e%2e/x')
  })

  await t.test('a former handle leads to the present one', async (t) => {
    t.equal(await shows('allotment.blot.localhost:8080', '/one?a=1'), 'http://garden.blot.localhost:8080/one?a=1')
  })

  await t.test('the platform lists the blogs', async (t) => {
    const home = await app.visit('http://blot.localhost:8443/', { headers: https })
    t.match(home.text, 'href="https://www.garden.example:8443/"')
    t.match(home.text, '1 post<')
    t.equal(home.headers['cache-control'], 'no-cache')
    t.equal(
      (await app.visit('http://blot.localhost:8443/', { headers: { ...https, 'if-none-match': home.headers.etag } }))
        .status,
      304,
    )
    t.equal(await shows('www.blot.localhost'), 'blot.localhost')
    t.equal(await shows('127.0.0.1'), 'blot.localhost')
    t.equal(await shows('blot.localhost', '/one'), 404)
  })

  await t.test('unknown hosts', async (t) => {
    for (const host of [
      'x.blot.localhost',
      'a.garden.blot.localhost',
      'example.com',
      'preview-x.blot.localhost',
      'webhooks.blot.localhost',
    ]) {
      t.equal(await shows(host), 404, host)
    }
    t.match((await app.visit('http://example.com/')).text, 'There is no site or page at this address')
  })
})

await t.test('names go to one blog only, and go over when it lets go', async (t) => {
  const app = await startTestApp(t, {
    files: {
      'a/blog.json': '{"title": "A", "domain": "example.com", "formerHandles": ["old"]}',
      'b/blog.json': '{"title": "B", "domain": "www.example.com", "formerHandles": ["old"]}',
      'c/blog.json': '{"title": "C", "domain": "example.com"}',
      'd/blog.json': '{"title": "D", "domain": "a.blot.localhost"}',
      'e/blog.json': '{"title": "E", "domain": "blot.localhost"}',
    },
  })
  const title = async (host: string) => /<title>([^<]*)/.exec((await app.visit(`http://${host}/`)).text)?.[1]
  t.equal(await title('example.com'), 'A')
  t.equal(await title('www.example.com'), 'B', 'a written domain comes before a counterpart')
  t.equal(await title('a.blot.localhost'), 'A', 'the platform is not for blogs to take')
  t.equal(await title('blot.localhost'), 'blot.localhost')
  t.equal((await app.visit('http://old.blot.localhost/')).headers.location, 'http://a.blot.localhost/')
  app.write('a/blog.json', '{"title": "A"}')
  await waitUntil(async () => (await title('example.com')) === 'C')
  t.equal((await app.visit('http://old.blot.localhost/')).headers.location, 'http://b.blot.localhost/')
})

await t.test('forceSSL moves http alone, to the port that serves https', async (t) => {
  const settings = '{"forceSSL": true, "formerHandles": ["allotment"]}'
  const app = await startTestApp(t, { files: { 'garden/blog.json': settings, 'garden/a.txt': 'a' } })
  const leadsTo = async (host: string, headers: Readonly<Record<string, string>>) => {
    const { status, headers: answer } = await app.visit(`http://${host}/a.txt?b=1`, { headers })
    return answer.location ?? status
  }
  const http = { 'x-forwarded-proto': 'http' }
  t.equal(await leadsTo('garden.blot.localhost', http), 'https://garden.blot.localhost/a.txt?b=1')
  t.equal(
    await leadsTo('garden.blot.localhost:8000', { ...http, 'x-forwarded-port': '8443' }),
    'https://garden.blot.localhost:8443/a.txt?b=1',
  )
  t.equal(
    await leadsTo('garden.blot.localhost:80', { ...http, 'x-forwarded-port': '443' }),
    'https://garden.blot.localhost/a.txt?b=1',
  )
  t.equal(
    await leadsTo('allotment.blot.localhost:8000', { ...http, 'x-forwarded-port': '8443' }),
    'https://garden.blot.localhost:8443/a.txt?b=1',
    'from a former handle in one step',
  )
  t.equal(await leadsTo('garden.blot.localhost', https), 200)
  t.equal(await leadsTo('preview-garden.blot.localhost', http), 200)
})

await t.test('without a proxy BLOT_PROTOCOL is what visitors use', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/blog.json': '{"forceSSL": true}', 'garden/a.txt': 'a' },
    environment: { BLOT_PROTOCOL: 'https', BLOT_HOST: 'blot.example' },
  })
  t.equal((await app.visit('http://garden.blot.example/a.txt')).status, 200)
  t.match((await app.visit('http://garden.blot.example/robots.txt')).text, 'https://garden.blot.example/sitemap.xml')
})
