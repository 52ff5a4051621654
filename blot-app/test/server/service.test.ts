import t from 'tap'
import { startTestApp } from '../support/test-app.ts'

const files = { 'garden/blog.json': '{"domain": "garden.example", "formerHandles": ["allotment"]}' }

await t.test('permission', async (t) => {
  const app = await startTestApp(t, { files: { ...files, 'garden/permission.md': '# Permission' } })
  const ask = async (domain: string) => {
    const { status, text } = await app.visit(`http://127.0.0.1:8080/permission?domain=${domain}`)
    t.type(JSON.parse(text), 'object')
    return status
  }
  const permitted = [
    'garden.example',
    'www.garden.example',
    'Garden.Example.',
    'garden.blot.localhost',
    'allotment.blot.localhost',
    'preview-garden.blot.localhost',
    'preview-of-ledger-on-garden.blot.localhost',
    'blot.localhost',
    'www.blot.localhost',
    'cdn.blot.localhost',
    'webhooks.blot.localhost',
  ]
  for (const name of permitted) t.equal(await ask(name), 200, name)
  const refused = [
    'example.com',
    'a.garden.example',
    'x.blot.localhost',
    'a.garden.blot.localhost',
    'preview-x.blot.localhost',
    'localhost',
    '127.0.0.1',
    'www.garden.blot.localhost',
  ]
  for (const name of refused) t.equal(await ask(name), 404, name)
  for (const name of ['', 'a%20b', '..', '-', 'a/b', '%00', 'x'.repeat(300), 'a..b'])
    t.equal(await ask(name), 400, name)
  t.equal((await app.visit('http://localhost/permission')).status, 400)
  t.strictSame(JSON.parse((await app.visit('http://[::1]/permission?domain=garden.example')).text), {
    domain: 'garden.example',
    permitted: true,
  })

  await t.test('visitors cannot ask', async (t) => {
    t.equal((await app.visit('http://blot.localhost/permission?domain=garden.example')).status, 404)
    t.match(
      (await app.visit('http://garden.blot.localhost/permission')).text,
      'Permission',
      'a blog may have such a post',
    )
    for (const header of ['x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'forwarded']) {
      const headers = { [header]: '192.0.2.1' }
      t.equal((await app.visit('http://127.0.0.1/permission?domain=garden.example', { headers })).status, 404, header)
    }
  })
})

await t.test('health is answered at every host', async (t) => {
  const app = await startTestApp(t, { files })
  for (const host of ['127.0.0.1', 'blot.localhost', 'garden.blot.localhost', 'unknown.example']) {
    const { status, text } = await app.visit(`http://${host}/health`)
    t.strictSame([status, JSON.parse(text)], [200, { status: 'ok' }])
  }
})

await t.test('maintenance', async (t) => {
  const app = await startTestApp(t, { files, environment: { BLOT_MAINTENANCE: 'true', BLOT_DROPBOX_SECRET: 's' } })
  for (const url of [
    'http://garden.example/',
    'http://blot.localhost/',
    'http://127.0.0.1/healthy',
    'http://blot.localhost/clients/dropbox/webhook?challenge=a',
  ]) {
    const { status, headers, text } = await app.visit(url)
    t.equal(status, 503, url)
    t.match(headers['retry-after'], /^\d+$/)
    t.equal(headers['cache-control'], 'no-store')
    t.match(text, 'Back in a moment')
  }
  t.equal(
    (await app.visit('http://blot.localhost/clients/dropbox/webhook', { method: 'POST', body: '{}' })).status,
    503,
  )
  t.equal((await app.visit('http://blot.localhost/sites/garden/files/a.txt', { method: 'PUT', body: 'a' })).status, 503)
  t.equal((await app.visit('http://127.0.0.1/health')).status, 200)
  t.equal((await app.visit('http://127.0.0.1/permission?domain=garden.example')).status, 200, 'names stay ours')
})
