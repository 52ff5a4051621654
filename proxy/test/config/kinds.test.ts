import t from 'tap'
import type { Config } from '../../src/config.ts'
import { configure, faultsOf } from './configure.ts'

/** What is made of a value, for a variable that says nothing by itself but that value. */
type Case = readonly [text: string, value: unknown]

async function accepts(variable: string, property: keyof Config, cases: readonly Case[]): Promise<void> {
  await t.test(`${variable} accepts`, async (t) => {
    for (const [text, value] of cases) t.strictSame(configure({ [variable]: text })[property], value, text)
  })
}

async function refuses(variable: string, right: RegExp, texts: readonly string[]): Promise<void> {
  await t.test(`${variable} refuses`, async (t) => {
    for (const text of texts) {
      const faults = faultsOf({ [variable]: text })
      t.strictSame(Object.keys(faults), [variable], text)
      t.match(faults[variable]?.message, right, text)
    }
  })
}

await accepts('EDGE_HTTP_PORT', 'httpPort', [
  ['0', 0],
  ['65535', 65535],
  [' 81 ', 81],
])
await refuses('EDGE_HTTP_PORT', /^must be a port, 0 to 65535$/, ['65536', '-1', '80.5', '0x50', '1e3', 'http', '8 0'])

await accepts('BLOT_MAINTENANCE', 'maintenance', [
  ['true', true],
  ['1', true],
  ['YES', true],
  ['false', false],
  ['0', false],
  ['no', false],
])
await refuses('BLOT_MAINTENANCE', /^must be true or false/, ['on', '2', 'ja', 'truefalse'])

await accepts('BLOT_HOST', 'host', [
  ['Blot.IM.', 'blot.im'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['localhost', 'localhost'],
])
await refuses('BLOT_HOST', /^must be a host name/, ['blot.im:443', 'https://blot.im', '10.0.0.1', '*.blot.im', 'a..b'])

await accepts('EDGE_ADDRESS', 'address', [
  ['0.0.0.0', '0.0.0.0'],
  ['::1', '::1'],
])
await refuses('EDGE_ADDRESS', /^must be an IP address/, ['localhost', '[::1]', '1.2.3', '127.0.0.1:80'])

await accepts('EDGE_ADMIN', 'admin', [
  ['127.0.0.2:0', { kind: 'tcp', address: '127.0.0.2', port: 0 }],
  ['[::1]:8077', { kind: 'tcp', address: '::1', port: 8077 }],
  ['unix:/run/edge.sock', { kind: 'unix', path: '/run/edge.sock' }],
  ['unix:edge.sock', { kind: 'unix', path: '/srv/edge.sock' }],
])
await refuses('EDGE_ADMIN', /^must be an IP address and a port/, [
  '8077',
  ':8077',
  'localhost:8077',
  '::1:8077',
  '127.0.0.1:70000',
  '[127.0.0.1]:1',
  'unix:',
])
await refuses('EDGE_ADMIN', /^must be a socket path of at most 103 bytes$/, [`unix:/${'a'.repeat(103)}`])

await accepts('EDGE_UPSTREAMS', 'upstreams', [
  [
    'http://10.0.0.1:8080, https://[fd00::1]:8443;backup',
    [
      { url: 'http://10.0.0.1:8080', backup: false },
      { url: 'https://[fd00::1]:8443', backup: true },
    ],
  ],
  ['HTTP://App.Internal/', [{ url: 'http://app.internal', backup: false }]],
])
await refuses('EDGE_UPSTREAMS', /^must be comma-separated origins/, [
  '10.0.0.1:8080',
  'http://',
  'ws://a',
  'http://a/b',
  'http://a?b',
  'http://a#b',
  'http://a,',
  'http://a;spare',
  'http://a;backup;backup',
  'http://a;backup',
  'http://a, http://a',
  'http://u:p@a',
  'http://a_b..c',
])

await accepts('EDGE_STORE', 'store', [
  ['file:vault', { kind: 'file', directory: '/srv/vault' }],
  ['file:/var/vault', { kind: 'file', directory: '/var/vault' }],
  ['file:///var/vault', { kind: 'file', directory: '/var/vault' }],
  ['redis://db', { kind: 'redis', url: 'redis://db' }],
  ['rediss://me:secret@[fd00::5]:7000/3', { kind: 'redis', url: 'rediss://me:secret@[fd00::5]:7000/3' }],
])
await refuses('EDGE_STORE', /^must be file:FOLDER, redis:/, [
  'file:',
  '/var/vault',
  'redis:db',
  'redis://',
  'redis://db:70000',
  'redis://db/x',
  'redis://db?password=x',
  'http://db',
  'postgres://db',
])
await accepts(
  'EDGE_STORE',
  'store',
  [
    'redis+sentinel://db/main',
    'redis+sentinel://:p%40ss@10.0.0.1:26379,[fd00::5]:1,db.example/my-master_1/3',
    'redis+sentinel://me:@db:1/main',
  ].map((url) => [url, { kind: 'redis', url }]),
)
await refuses('EDGE_STORE', /redis\+sentinel:\/\/.*\/MASTER/, [
  'redis+sentinel://db',
  'redis+sentinel://db/',
  'redis+sentinel://db,/main',
  'redis+sentinel://db:0/main',
  'redis+sentinel://db:70000/main',
  'redis+sentinel://[10.0.0.1]/main',
  'redis+sentinel://a@b@db/main',
  'redis+sentinel://:%@db/main',
  'redis+sentinel://db/main/x',
  'redis+sentinel://db/main?password=x',
])

const storeKey = Buffer.alloc(32, 7).toString('base64')
await accepts('EDGE_STORE_KEY', 'storeKey', [[storeKey, storeKey]])
await accepts('EDGE_STORE_KEY_OLD', 'storeKeyOld', [[storeKey, storeKey]])
await refuses('EDGE_STORE_KEY', /^must be 32 random bytes in base64, as openssl rand -base64 32 prints them$/, [
  'hunter2',
  storeKey.slice(0, -1),
  Buffer.alloc(16).toString('base64'),
  Buffer.alloc(33).toString('base64'),
  `${storeKey}${storeKey}`,
])

await accepts('BLOT_REDIS_HOST', 'store', [
  ['db', { kind: 'redis', url: 'redis://db:6379' }],
  ['db:7000', { kind: 'redis', url: 'redis://db:7000' }],
  ['fd00::5', { kind: 'redis', url: 'redis://[fd00::5]:6379' }],
])
await refuses('BLOT_REDIS_HOST', /^must be a host name or IP address/, ['redis://db', 'a@b', 'db/1', 'a b', 'db:x'])

await refuses('EDGE_STORE_PREFIX', /^must be up to 64 visible/, ['a b', 'a'.repeat(65), 'ä'])

await accepts('EDGE_ISSUER', 'issuer', [['none', 'none']])
await refuses('EDGE_ISSUER', /^must be acme or local or none$/, ['letsencrypt', 'LOCAL'])

await accepts('EDGE_ACME_DIRECTORY', 'acmeDirectory', [
  ['https://ca.example/directory', 'https://ca.example/directory'],
  ['http://127.0.0.1:14000/dir', 'http://127.0.0.1:14000/dir'],
  ['http://[::1]:14000/dir', 'http://[::1]:14000/dir'],
])
await refuses('EDGE_ACME_DIRECTORY', /^must be the https:\/\/ URL of an ACME directory/, [
  'http://ca.example/directory',
  'https://user:password@ca.example/directory',
  'ca.example',
])
await accepts('EDGE_ACME_EMAIL', 'acmeEmail', [['operator+edge@example.com', 'operator+edge@example.com']])
await refuses('EDGE_ACME_EMAIL', /^must be a mail address/, ['operator', 'o@localhost', 'a@b.c,d@e.f', 'mailto:a@b.c'])
await accepts('EDGE_DNS_MODULE', 'dnsModule', [
  ['acme-dns-01-cloudflare', { name: 'acme-dns-01-cloudflare', directory: '/srv' }],
  ['@team/dns.module', { name: '@team/dns.module', directory: '/srv' }],
  ['/opt/dns.cjs', { name: '/opt/dns.cjs', directory: '/srv' }],
])
await refuses('EDGE_DNS_MODULE', /^must be the name of an installed package/, ['./dns.cjs', '../x', 'a/b', '.hidden'])
await t.test('EDGE_DNS_OPTIONS accepts', async (t) => {
  const { dnsOptions } = configure({ EDGE_DNS_MODULE: 'acme-dns-01-x', EDGE_DNS_OPTIONS: '{"token":"x"}' })
  t.strictSame(dnsOptions, { token: 'x' })
})
await refuses('EDGE_DNS_OPTIONS', /^must be a JSON object/, ['{', '[]', '"text"', 'null'])
await refuses('EDGE_ACME_EAB_HMAC', /^must be the HMAC key in base64url/, [
  'short',
  'spaces in between the characters',
  'a+b/c+d/a+b/c+d/a+b/c+d/',
])

await accepts('EDGE_PERMISSION', 'permission', [
  ['all', { kind: 'all' }],
  ['https://app.internal:444/ask?key=1', { kind: 'http', url: 'https://app.internal:444/ask?key=1' }],
])
await refuses('EDGE_PERMISSION', /^must be store, all, or the/, [
  'some',
  'http:ask',
  'http://u:p@a/',
  'ftp://a',
  'http://a#b',
])

await t.test('EDGE_ACME_BUDGETS', async (t) => {
  const { orderLimits } = configure({ EDGE_ACME_BUDGETS: 'domain=2000/7d, orders=90/90m' })
  t.strictSame(orderLimits, {
    orders: { count: 90, windowMs: 90 * 60_000 },
    domain: { count: 2_000, windowMs: 7 * 24 * 3600_000 },
    set: { count: 5, windowMs: 7 * 24 * 3600_000 },
    failures: { count: 5, windowMs: 3600_000 },
  })
})
await refuses('EDGE_ACME_BUDGETS', /^must be limits such as .*, not "[a-z0-9=/]+"$/, [
  'orders=5',
  'week=5/7d',
  'set=5/7w',
])
await refuses('EDGE_ACME_BUDGETS', /^must be limits such as/, ['orders=0/1h', 'orders=5/0h'])

await accepts('EDGE_ISSUE_WAIT_MS', 'issueWaitMs', [['0', 0]])
await refuses('EDGE_ISSUE_WAIT_MS', /^must be milliseconds, 0 to 300000$/, ['10s', '300001', '-5'])

await refuses('EDGE_WORKERS', /^must be auto/, ['0', '257', 'many', '1.5'])

await accepts('EDGE_MEMORY_CACHE_BYTES', 'memoryCacheBytes', [
  ['0', 0],
  ['1048576', 1024 ** 2],
  ['64mb', 64 * 1024 ** 2],
  ['64 MB', 64 * 1024 ** 2],
  ['1.5g', 1.5 * 1024 ** 3],
  ['10KiB', 10 * 1024],
  ['7b', 7],
])
await refuses('EDGE_MEMORY_CACHE_BYTES', /^must be a size/, ['much', '-1', '64mbit', '1e9', '9999999tb', '.5mb'])

await accepts('EDGE_CACHE_UNTIL_PURGED', 'untilPurged', [
  ['', []],
  ['handles', ['handles']],
  ['handles, domains', ['handles', 'domains']],
])
await refuses('EDGE_CACHE_UNTIL_PURGED', /^must be some of handles, domains/, ['all', 'handles,cdn'])

await accepts('EDGE_TRUSTED_PROXIES', 'trustedProxies', [
  ['10.0.0.0/8,fd00::/8, 192.0.2.1', ['10.0.0.0/8', 'fd00::/8', '192.0.2.1']],
])
await refuses('EDGE_TRUSTED_PROXIES', /^must be comma-separated IP addresses/, [
  '10.0.0.0/33',
  'fd00::/129',
  '10.0.0/8',
  'proxy.internal',
  '10.0.0.1,,10.0.0.2',
  '10.0.0.1/',
  'fe80::1%eth0',
])

await refuses('EDGE_LOG', /^must be pretty or json$/, ['JSON', 'text'])
await refuses('EDGE_USER', /^must be the name or number of an unprivileged user$/, ['root', '0', 'a b', '-x', 'Edge!'])
await refuses('EDGE_ADMIN_TOKEN', /visible ASCII/, ['two words', 'ä', 'a'.repeat(1025)])
await refuses('BLOT_PURGE_TOKEN', /visible ASCII/, ['two words'])
await accepts('EDGE_ALT_SVC', 'altSvc', [['h3=":443"; ma=60', 'h3=":443"; ma=60']])
await refuses('EDGE_ALT_SVC', /^must be the value of a header field/, ['a\r\nSet-Cookie: b', 'ä'])

await t.test('paths start at the working directory', async (t) => {
  const config = configure({ EDGE_DHPARAMS: 'dh.pem', EDGE_PID_FILE: '/run/e.pid', BLOT_CACHE_DIRECTORY: '../cache' })
  t.equal(config.dhparamsFile, '/srv/dh.pem')
  t.equal(config.pidFile, '/run/e.pid')
  t.equal(config.cacheDirectory, '/cache')
})
