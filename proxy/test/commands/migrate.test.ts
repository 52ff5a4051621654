import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { migrate } from '../../src/commands/migrate.ts'
import { compareAnswers } from '../../src/commands/migrate/differences.ts'
import { readNginx } from '../../src/commands/migrate/nginx.ts'
import { makeCertificate } from '../certificates/factory.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from '../store/redis-server.ts'
import { call } from './call.ts'

await t.test('what an NGINX configuration becomes', async (t) => {
  const notes = readNginx(`
    # limit_req zone=nobody;
    events { worker_connections 1024; }
    http {
      set_real_ip_from 10.0.0.0/8; set_real_ip_from "192.0.2.1";
      server {
        listen 443 ssl proxy_protocol;
        listen 443 quic;
        ssl_certificate_by_lua_block { local text = "rewrite ^ /x; }" if text then auto_ssl:ssl_certificate() end }
        location / { limit_req zone=one burst=5; proxy_cache_valid 200 301 1y; proxy_pass http://app; }
      }
    }`)
  const shown = notes.map(({ directive, count, variable }) => [directive, count, variable?.name, variable?.value])
  t.same(shown, [
    ['set_real_ip_from', 2, 'EDGE_TRUSTED_PROXIES', '10.0.0.0/8,192.0.2.1'],
    ['listen', 1, 'EDGE_PROXY_PROTOCOL', 'true'],
    ['listen', 1, undefined, undefined],
    ['limit_req', 1, undefined, undefined],
    ['proxy_cache_valid', 1, 'EDGE_CACHE_UNTIL_PURGED', 'handles,domains'],
  ])
  t.equal(notes.find(({ directive }) => directive === 'limit_req')?.line, 10)
  t.same(readNginx('server { listen 80'), [], 'a file that ends early')
})

await t.test('a verb that there is not', async (t) => {
  const usage = { code: 'EDGE_ERR_USAGE_INVALID' }
  await t.rejects(call(migrate, {}, {}, ['pln']), { ...usage, message: /^unknown verb pln: did you mean plan\?/ })
  await t.rejects(call(migrate, {}, {}), { ...usage, message: /^say which: plan or compare/ })
})

await t.test('plan counts what is in Redis and in the cache folder, and proposes the configuration', async (t) => {
  const directory = temporaryDirectory(t)
  const redis = await startRedis(directory, { password: 'hunter2' })
  t.teardown(() => redis.stop())
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  const put = async (name: string, daysLeft = 90): Promise<void> => {
    const { chainPem, privateKeyPem } = await makeCertificate(name, { daysLeft })
    await client.set(`ssl:${name}:latest`, JSON.stringify({ fullchain_pem: chainPem, privkey_pem: privateKeyPem }))
  }
  await put('a.example')
  await put('gone.example')
  await put('old.example', -1)
  await client.mset(
    'ssl:broken.example:latest',
    '{}',
    'ssl:a.example:1700000000000',
    '{}',
    'ssl:a.example:challenge:x',
    'y',
  )
  await client.mset(
    'domain:a.example',
    'blog_1',
    'domain:old.example',
    'blog_1',
    'domain:new.example',
    'blog_2',
    'handle:one',
    'blog_1',
  )
  await client.mset('blot:openresty:ssl:pem', 'x', 'blot:openresty:ssl:key', 'y')
  const cache = join(directory, 'cache')
  mkdirSync(join(cache, 'a.example/https/permanent'), { recursive: true })
  writeFileSync(join(cache, 'a.example/https/permanent/index.html'), 'page')
  symlinkSync(join(directory, 'nowhere'), join(cache, 'a.example/folder'))
  mkdirSync(join(cache, '0/ab'), { recursive: true })
  writeFileSync(join(cache, '0/ab/0123'), 'KEY: x')
  const environment = { BLOT_HOST: 'blot.example', EDGE_STORE: redis.url, BLOT_CACHE_DIRECTORY: cache }
  const before = await dump(client)

  const urls = join(directory, 'urls')
  const json = await call(migrate, { json: true, 'urls-to': urls }, environment, ['plan'])
  const plan = JSON.parse(json.stdout) as { environment: string[] }
  t.match(plan, {
    certificates: {
      usable: 3,
      expired: ['old.example'],
      unusable: [{ name: 'broken.example' }],
      domains: ['a.example', 'new.example', 'old.example'],
      handles: 1,
      withoutCertificate: ['new.example'],
      withoutDomain: ['gone.example'],
      leftovers: 2,
      wildcard: 'there',
    },
    cache: { hosts: 1, pageFiles: 1, nginxFiles: 1, deadLinks: [/folder -> .*nowhere/] },
  })
  t.ok(plan.environment.includes("export EDGE_WILDCARD_KEY='/etc/blot/wildcard.key'"))
  t.notMatch(json.stdout, /hunter2/)
  t.match(readFileSync(urls, 'utf8'), /^http:\/\/blot\.example\/\nhttps:\/\/blot\.example\/\nhttp:\/\/a\.example\/\n/)
  const text = await call(migrate, { redis: redis.url }, environment, ['plan'])
  t.match(text.stdout, /certificates +3 can be used as they are, the first ends on /)
  t.match(text.stdout, /1 links lead nowhere/)
  t.equal(await dump(client), before, 'nothing was written')
  await t.rejects(call(migrate, {}, { BLOT_HOST: 'blot.example', EDGE_STORE: 'file:/nowhere' }, ['plan']), /--redis/)
})

await t.test(
  'compare tells what two servers answer differently, and passes over what each calls its own',
  async (t) => {
    const { chainPem: cert, privateKeyPem: key } = await makeCertificate('a.example')
    const other = await makeCertificate('a.example')
    const asked: string[] = []
    const answer =
      (name: string): RequestListener =>
      (request, response) => {
        asked.push(`${name} ${request.headers.host} ${request.url}`)
        response.setHeader('Server', name)
        response.setHeader('ETag', `"${name}"`)
        if (request.url === '/moved') response.writeHead(301, { Location: name === 'old' ? '/a' : '/b' }).end()
        else if (request.url === '/body') response.end(name)
        else if (request.url === '/link')
          response.end(name === 'old' ? 'https://a.example/x' : `https://a.example:${edge}/x`)
        else
          response
            .setHeader('Content-Type', name === 'old' ? 'text/html;charset=UTF-8' : 'text/html; charset=utf-8')
            .end('same')
      }
    const old = await listen(t, createServer(answer('old')))
    const edge = await listen(t, createServer(answer('new')))
    const oldTls = await listen(t, createTlsServer({ cert, key }, answer('old')))
    const edgeTls = await listen(t, createTlsServer({ cert: other.chainPem, key: other.privateKeyPem }, answer('new')))
    const urls = join(temporaryDirectory(t), 'urls')
    const lines = [
      '# front pages',
      'http://a.example/same',
      'http://a.example/moved',
      'http://b.example/body',
      'http://a.example/link',
      'https://a.example/same',
    ]
    writeFileSync(urls, `${lines.join('\n')}\n`)
    const values = {
      urls,
      against: [`http://127.0.0.1:${old}`, `https://127.0.0.1:${oldTls}`],
      edge: [`http://127.0.0.1:${edge}`, `https://127.0.0.1:${edgeTls}`],
    }
    const ran = await call(migrate, values, {}, ['compare'])
    t.equal(ran.code, 1)
    t.match(
      ran.stdout,
      /^differs http:\/\/a\.example\/moved\n {2}location: \/a -> \/b\ndiffers http:\/\/b\.example\/body\n {2}body: 3 bytes/,
    )
    t.match(ran.stdout, /differs https:\/\/a\.example\/same\n {2}certificate: /)
    t.match(ran.stderr, /^2 the same, 3 different\n$/)
    t.ok(asked.includes('new b.example /body'), 'the host of the URL is asked for')
    const ignoring = await call(migrate, { ...values, ignore: ['body', 'location', 'certificate'], json: true }, {}, [
      'compare',
    ])
    t.equal(ignoring.code, 0)
    t.same(JSON.parse(ignoring.stdout.split('\n')[0] ?? ''), { url: 'http://a.example/same', differences: [] })
    const half = await call(migrate, { ...values, against: [`http://127.0.0.1:${old}`] }, {}, ['compare'])
    t.match(half.stderr, /1 skipped/)
    writeFileSync(urls, 'not a url\n')
    await t.rejects(call(migrate, values, {}, ['compare']), /line 1 of .* is no http or https URL/)
    await t.rejects(call(migrate, { urls }, {}, ['compare']), /--against/)
  },
)

await t.test('a server that does not answer is a difference, unless neither does', async (t) => {
  const answered = { status: 200, headers: new Map(), bodyHash: '', bodyBytes: 0, fingerprint: undefined }
  t.same(compareAnswers('ECONNREFUSED', 'ECONNREFUSED', new Set()), [])
  t.same(compareAnswers(answered, 'ECONNREFUSED', new Set()), [
    { what: 'answer', theirs: 'status 200', ours: 'ECONNREFUSED' },
  ])
})

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

async function dump(client: Redis): Promise<string> {
  const keys = (await client.keys('*')).toSorted()
  return JSON.stringify([keys, await client.mget(keys)])
}
