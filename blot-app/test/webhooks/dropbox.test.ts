import { createHmac } from 'node:crypto'
import t from 'tap'
import { startTestApp } from '../support/test-app.ts'
import { waitUntil } from '../support/wait-until.ts'

const address = 'http://blot.localhost/clients/dropbox/webhook'
const secret = 'dropbox-secret'

function signed(body: string | Buffer, by = secret) {
  const signature = createHmac('sha256', by).update(body).digest('hex')
  return { method: 'POST', body, headers: { 'x-dropbox-signature': signature, 'content-type': 'application/json' } }
}

await t.test('the webhook of Dropbox', async (t) => {
  const app = await startTestApp(t, {
    files: { 'garden/a.md': '# A' },
    environment: { BLOT_DROPBOX_SECRET: secret },
  })

  await t.test('echoes the challenge as text that nothing can take for HTML', async (t) => {
    const { status, headers, text } = await app.visit(
      `${address}?challenge=${encodeURIComponent('<script>alert(1)</script>')}`,
    )
    t.equal(status, 200)
    t.equal(text, '<script>alert(1)</script>')
    t.equal(headers['content-type'], 'text/plain; charset=utf-8')
    t.equal(headers['x-content-type-options'], 'nosniff')
    t.equal((await app.visit(address)).status, 400)
    t.equal((await app.visit(`${address}?challenge=a&challenge=b`)).status, 400)
  })

  await t.test('takes what is signed, whatever its bytes are', async (t) => {
    for (const body of ['{"list_folder": {}}', '{ not json', '', Buffer.from([0, 255, 10])]) {
      t.equal((await app.visit(address, signed(body))).status, 200)
    }
    t.equal((await app.visit('http://127.0.0.1/clients/dropbox/webhook', signed('{}'))).status, 200)
  })

  await t.test('refuses what is not', async (t) => {
    const right = signed('{"a": 1}')
    t.equal((await app.visit(address, { ...right, body: '{"a":1}' })).status, 403, 'other bytes of the same meaning')
    t.equal((await app.visit(address, signed('{}', 'another'))).status, 403)
    t.equal((await app.visit(address, { method: 'POST', body: '{}' })).status, 403)
    t.equal((await app.visit(address, { ...right, headers: { 'x-dropbox-signature': '' } })).status, 403)
  })

  await t.test('refuses more than a megabyte', async (t) => {
    t.equal((await app.visit(address, signed(Buffer.alloc(999_000)))).status, 200)
    t.equal((await app.visit(address, signed(Buffer.alloc(1_100_000)))).status, 413)
  })

  await t.test('belongs to the platform alone', async (t) => {
    t.equal((await app.visit('http://garden.blot.localhost/clients/dropbox/webhook', signed('{}'))).status, 405)
  })

  await t.test('the blogs are looked at again', async () => {
    app.write('orchard/a.md', '# Orchard')
    await app.visit(address, signed('{}'))
    await waitUntil(async () => (await app.visit('http://orchard.blot.localhost/')).status === 200)
  })
})

await t.test(
  'one that comes again under the id that an edge gave it is acted on once, also after a restart',
  async (t) => {
    const environment = { BLOT_DROPBOX_SECRET: secret }
    const first = await startTestApp(t, { environment })
    const id = '0123456789abcdef0123456789abcdef'
    const send = (app: typeof first) => {
      const webhook = signed('{}')
      return app.visit(address, { ...webhook, headers: { ...webhook.headers, 'edge-webhook-id': id } })
    }
    t.equal((await send(first)).text, '{"status":"ok"}')
    await waitUntil(async () => (await send(first)).text === '{"status":"known"}')
    await first.close()
    const second = await startTestApp(t, { environment, folder: first.folder })
    t.equal((await send(second)).text, '{"status":"known"}')
    t.equal((await second.visit(address, signed('{}'))).text, '{"status":"ok"}', 'one without an id')
    t.same(JSON.parse((await second.visit('http://127.0.0.1/webhooks')).text), { received: 2, repeated: 1 })
  },
)

await t.test('without a secret nothing is believed', async (t) => {
  const app = await startTestApp(t)
  t.equal((await app.visit(address, signed('{}', ''))).status, 403)
  t.equal((await app.visit(`${address}?challenge=a`)).text, 'a')
})
