import t from 'tap'
import { ask, askJson, startAdmin } from './start.ts'

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
const purgeToken = (token: string) => ({ headers: { 'x-blot-purge-token': token } })
const GUARDED = ['/health', '/ready', '/status', '/metrics', '/events', '/purge?host=a.example']

await t.test('with an admin token everything asks for it, but for the files of the dashboard', async (t) => {
  const { url, purges } = await startAdmin(t, { token: 'right' })
  for (const path of GUARDED) {
    const { status, headers, text } = await ask(`${url}${path}`)
    t.equal(status, 401, path)
    t.match(headers['www-authenticate'], /^Bearer/)
    t.match(JSON.parse(text), { status: 401, code: 'EDGE_ERR_ADMIN_UNAUTHORIZED' })
    for (const wrong of ['wrong', 'rightt', 'righ', 'RIGHT', '']) {
      t.equal((await ask(`${url}${path}`, bearer(wrong))).status, 401, wrong)
    }
  }
  t.same(purges, [], 'nothing was purged')
  for (const path of ['/', '/dashboard.js', '/dashboard.css']) t.equal((await ask(`${url}${path}`)).status, 200, path)
  t.equal((await ask(`${url}/status`, bearer('right'))).status, 200)
  t.equal((await ask(`${url}/purge?host=a.example`, bearer('right'))).status, 200)
  t.equal(
    (await ask(`${url}/status`, { headers: { authorization: 'bearer right' } })).status,
    200,
    'any case (RFC 9110)',
  )
})

await t.test('the purge token opens purges and nothing else', async (t) => {
  const { url } = await startAdmin(t, { token: 'right', purgeToken: 'flush' })
  t.equal((await ask(`${url}/purge?host=a.example`, purgeToken('flush'))).status, 200)
  t.equal((await ask(`${url}/purge?host=a.example`, bearer('right'))).status, 200)
  t.equal((await ask(`${url}/purge?host=a.example`, purgeToken('right'))).status, 401)
  t.equal((await ask(`${url}/purge?host=a.example`, bearer('flush'))).status, 401)
  t.match(await askJson(`${url}/status`, purgeToken('flush')), {
    status: 403,
    body: { code: 'EDGE_ERR_ADMIN_TOKEN_INSUFFICIENT' },
  })
})

await t.test('with a purge token alone, purges ask for it and the rest is open', async (t) => {
  const { url, purges } = await startAdmin(t, { purgeToken: 'flush' })
  t.match(await askJson(`${url}/purge?host=a.example`), { status: 401, body: { error: /X-Blot-Purge-Token/ } })
  t.same(purges, [])
  t.equal((await ask(`${url}/purge?host=a.example`, purgeToken('flush'))).status, 200)
  t.equal((await ask(`${url}/status`)).status, 200)
})
