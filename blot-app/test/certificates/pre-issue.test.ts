import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const calls: { url: string | undefined; token: string | undefined; body: unknown }[] = []
const admin = createServer((request, response) => {
  void json(request).then((body) => {
    calls.push({ url: request.url, token: request.headers.authorization, body })
    response.writeHead(202).end('{}')
  })
})
admin.listen(0, '127.0.0.1')
await once(admin, 'listening')
t.teardown(() => admin.close())
const url = `http://127.0.0.1:${(admin.address() as AddressInfo).port}/`

await t.test('a domain that appears in blog.json gets its certificate before anybody visits it', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/blog.json': '{"domain": "old.example"}', 'garden/a.md': '# A' },
    environment: { BLOT_EDGE_ADMIN_URL: url, BLOT_EDGE_ADMIN_TOKEN: 'secret' },
  })
  app.write('garden/blog.json', '{"domain": "new.example"}')
  await waitUntil(() => calls.length === 2)
  t.strictSame(calls[0], { url: '/certificates', token: 'Bearer secret', body: { domain: 'new.example' } })
  t.strictSame(calls[1]?.body, { domain: 'www.new.example' })
})

await t.test('an edge that is not there holds nobody up', async (t) => {
  const environment = { BLOT_EDGE_ADMIN_URL: 'http://127.0.0.1:1' }
  const app = await startTestApp(t, { files: { 'garden/a.md': '# A' }, environment })
  app.write('garden/blog.json', '{"domain": "new.example"}')
  await waitUntil(async () => (await app.visit('http://new.example/')).status === 200)
})
