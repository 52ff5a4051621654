import t from 'tap'
import { resolveConfig } from '../../src/config.ts'
import { parseEnvironmentFile } from '../../src/environment-file.ts'
import { configure, faultsOf, leastForRun, originsOf } from './configure.ts'

await t.test('without any environment, dev runs on its defaults', async (t) => {
  t.strictSame(configure({}), {
    host: 'blot.localhost',
    appPort: 8080,
    holdMs: 10_000,
    pageFiles: true,
    cacheDirectory: '/srv/data/cache',
    appDataDirectory: '/srv/data',
    dataDirectory: '/srv/data/edge',
    user: undefined,
    maintenance: false,
    purgeToken: undefined,
    address: '127.0.0.1',
    httpPort: 8000,
    httpsPort: 8443,
    admin: { kind: 'tcp', address: '127.0.0.1', port: 8077 },
    adminToken: undefined,
    upstreams: [{ url: 'http://127.0.0.1:8080', backup: false }],
    store: { kind: 'file', directory: '/srv/data/edge/store' },
    storePrefix: 'ssl',
    storeKey: undefined,
    storeKeyOld: undefined,
    issuer: 'local',
    acmeEngine: 'greenlock',
    acmeDirectory: 'https://acme-v02.api.letsencrypt.org/directory',
    acmeEmail: undefined,
    acmeCaFile: undefined,
    externalAccount: undefined,
    dnsModule: undefined,
    dnsOptions: undefined,
    permission: { kind: 'http', url: 'http://127.0.0.1:8080/permission' },
    orderLimits: {
      orders: { count: 300, windowMs: 3 * 3600_000 },
      domain: { count: 50, windowMs: 7 * 24 * 3600_000 },
      set: { count: 5, windowMs: 7 * 24 * 3600_000 },
      failures: { count: 5, windowMs: 3600_000 },
    },
    issueWaitMs: 10_000,
    wildcard: undefined,
    dhparamsFile: undefined,
    workers: 1,
    webhookPaths: ['/clients/dropbox/webhook'],
    dropboxSecret: undefined,
    memoryCacheBytes: 64 * 1024 ** 2,
    diskCacheBytes: 1024 ** 3,
    untilPurged: [],
    trustedProxies: [],
    proxyProtocol: false,
    reloadDrainMs: 3600_000,
    stallMs: 0,
    log: 'pretty',
    pidFile: undefined,
    altSvc: undefined,
  })
})

await t.test('run has the defaults of a production machine', async (t) => {
  const { workers, ...config } = configure(leastForRun, 'run')
  t.ok(workers >= 1, 'a worker a core')
  t.match(config, {
    host: 'blot.im',
    cacheDirectory: '/cache',
    appDataDirectory: '/var/www/blot/data',
    dataDirectory: '/var/lib/blot-edge',
    user: 'blot-edge',
    address: '::',
    httpPort: 80,
    httpsPort: 443,
    upstreams: [{ url: 'http://127.0.0.1:8080', backup: false }],
    permission: { kind: 'store' },
    memoryCacheBytes: 256 * 1024 ** 2,
    diskCacheBytes: 10 * 1024 ** 3,
    untilPurged: [],
    log: 'json',
    pidFile: '/var/run/blot-edge.pid',
    altSvc: 'clear',
  })
})

await t.test('run demands the host, the store and a mail address for the CA, and names all three', async (t) => {
  const faults = faultsOf({}, 'run')
  t.strictSame(Object.keys(faults).toSorted(), ['BLOT_HOST', 'EDGE_ACME_EMAIL', 'EDGE_STORE'])
  for (const { message } of Object.values(faults)) t.match(message, /^is required/)
})

await t.test('every fault is named at once, with its value and what would be right', async (t) => {
  t.strictSame(faultsOf({ EDGE_HTTP_PORT: 'eighty', EDGE_LOG: 'xml', EDGE_ISSUER: 'own', EDGE_WORKRS: '4' }), {
    EDGE_WORKRS: {
      variable: 'EDGE_WORKRS',
      value: '***',
      message: 'is not known; the nearest known name is EDGE_WORKERS',
    },
    EDGE_HTTP_PORT: { variable: 'EDGE_HTTP_PORT', value: 'eighty', message: 'must be a port, 0 to 65535' },
    EDGE_ISSUER: {
      variable: 'EDGE_ISSUER',
      value: 'own',
      message: 'must be acme or local or none',
    },
    EDGE_LOG: { variable: 'EDGE_LOG', value: 'xml', message: 'must be pretty or json' },
  })
})

await t.test('the error has a code, and its message alone says everything', async (t) => {
  const input = { environment: { EDGE_HTTP_PORT: '-1' }, mode: 'dev', directory: '/' } as const
  t.throws(() => resolveConfig(input), {
    code: 'EDGE_ERR_CONFIG_INVALID',
    message: 'EDGE_HTTP_PORT -1 must be a port, 0 to 65535',
  })
})

await t.test('a wrong variable is not blamed on those whose default is made from it', async (t) => {
  t.strictSame(Object.keys(faultsOf({ BLOT_PORT: 'x' })), ['BLOT_PORT'])
  t.strictSame(Object.keys(faultsOf({ BLOT_HOST: 'blot.im', EDGE_ISSUER: 'none', BLOT_REDIS_HOST: '/' }, 'run')), [
    'BLOT_REDIS_HOST',
  ])
})

await t.test('the secrets of accounts are shown to nobody', async (t) => {
  const secret = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV'
  const options = JSON.stringify({ token: secret })
  const dns = { EDGE_DNS_MODULE: 'acme-dns-01-x', EDGE_DNS_OPTIONS: options }
  const environment = { EDGE_ACME_EAB_KEY_ID: 'kid', EDGE_ACME_EAB_HMAC: secret, ...dns }
  t.notMatch(JSON.stringify(originsOf({ environment })), secret)
  t.strictSame(configure(environment).externalAccount, { keyId: 'kid', hmac: secret })
  const wrong = { EDGE_ACME_EAB_HMAC: `${secret} `.repeat(2), EDGE_DNS_OPTIONS: `[${options}` }
  t.notMatch(JSON.stringify(faultsOf(wrong)), secret)
})

await t.test('an empty value is the same as none', async (t) => {
  t.equal(configure({ EDGE_HTTP_PORT: '', EDGE_UNKNOWN: '', BLOT_HOST: ' ' }).httpPort, 8000)
})

await t.test("variables of the app are the app's", async (t) => {
  t.strictSame(faultsOf({ BLOT_DROPBOX_SECRET: 'x', BLOT_PROTOCOL: 'https', NODE_ENV: 'production' }), {})
})

await t.test('nothing but the given environment is read', async (t) => {
  process.env['EDGE_HTTP_PORT'] = '9999'
  t.teardown(() => delete process.env['EDGE_HTTP_PORT'])
  t.equal(configure({}).httpPort, 8000)
})

await t.test('the configuration is frozen through and through', async (t) => {
  const config = configure({})
  t.throws(() => Object.assign(config, { host: 'x' }), TypeError)
  t.throws(() => Object.assign(config.admin, { port: 1 }), TypeError)
  t.throws(() => Object.assign(config.upstreams[0] ?? {}, { backup: true }), TypeError)
})

await t.test('defaults follow the variables that they are made from', async (t) => {
  const config = configure({ BLOT_PORT: '3000', EDGE_DATA_DIRECTORY: 'there' })
  t.strictSame(config.upstreams, [{ url: 'http://127.0.0.1:3000', backup: false }])
  t.strictSame(config.permission, { kind: 'http', url: 'http://127.0.0.1:3000/permission' })
  t.strictSame(config.store, { kind: 'file', directory: '/srv/there/store' })
})

await t.test('with files as the store, run asks the app for permission', async (t) => {
  const { permission } = configure({ ...leastForRun, EDGE_STORE: 'file:/var/vault' }, 'run')
  t.strictSame(permission, { kind: 'http', url: 'http://127.0.0.1:8080/permission' })
})

await t.test('BLOT_REDIS_HOST is short for a store in Redis, in both modes', async (t) => {
  const store = { kind: 'redis', url: 'redis://10.0.0.5:6379' }
  t.strictSame(configure({ BLOT_REDIS_HOST: '10.0.0.5' }).store, store)
  t.strictSame(configure({ BLOT_HOST: 'b.im', EDGE_ISSUER: 'none', BLOT_REDIS_HOST: '10.0.0.5' }, 'run').store, store)
})

await t.test('each value tells where it came from, and secrets are masked', async (t) => {
  const file = parseEnvironmentFile(
    "# mail\nEDGE_HTTP_PORT=81\nEDGE_STORE='redis://:hunter2@db:7000/1'\n",
    '/etc/blot/environment.sh',
  )
  const environment = {
    EDGE_HTTP_PORT: '82',
    EDGE_HTTPS_PORT: '444',
    EDGE_ADMIN_TOKEN: 'hunter2',
    BLOT_PURGE_TOKEN: 'h2',
  }
  t.match(originsOf({ environment, file, flags: { upstream: 'http://localhost:3000', hosts: ['app.localhost'] } }), {
    BLOT_HOST: 'blot.localhost (default)',
    EDGE_HTTP_PORT: '81 (/etc/blot/environment.sh:2)',
    EDGE_HTTPS_PORT: '444 (environment)',
    EDGE_STORE: 'redis://***@db:7000/1 (/etc/blot/environment.sh:3)',
    EDGE_ADMIN_TOKEN: '*** (environment)',
    BLOT_PURGE_TOKEN: '*** (environment)',
    EDGE_UPSTREAMS: 'http://localhost:3000 (--upstream)',
    EDGE_PERMISSION: 'app.localhost, localhost (--host)',
    BLOT_CACHE: 'false (--upstream)',
    EDGE_DHPARAMS: 'undefined (default)',
  })
})

await t.test('a value that is wrong is shown as it was given', async (t) => {
  const environment = { EDGE_HTTP_PORT: 'eighty', EDGE_STORE: 'redis://:hunter2@db/x', EDGE_STORE_KEY: 'hunter2' }
  const origins = originsOf({ environment, mode: 'run' })
  t.match(origins, { EDGE_HTTP_PORT: 'eighty (environment)', BLOT_HOST: 'undefined (default)' })
  t.notMatch(JSON.stringify(origins), 'hunter2')
})

await t.test('an empty value in the file hides that of the environment', async (t) => {
  const file = parseEnvironmentFile('EDGE_HTTP_PORT=', 'f')
  const { config } = resolveConfig({ environment: { EDGE_HTTP_PORT: '82' }, file, mode: 'dev', directory: '/' })
  t.equal(config.httpPort, 8000)
})

await t.test('faults show no secret', async (t) => {
  const faults = faultsOf({
    EDGE_ADMIN_TOKEN: 'hunter2 hunter2',
    EDGE_ADMIN_TOKN: 'hunter2',
    EDGE_STORE: 'redis://:hunter2@db:port?password=hunter2',
    EDGE_UPSTREAMS: 'http://a, http://me:hunter2@b',
    EDGE_PERMISSION: 'https://me:hunter2@c/ask',
    BLOT_PURGE_TOKEN: 'hunter2\n',
  })
  t.strictSame(Object.keys(faults).length, 5)
  t.notMatch(JSON.stringify(faults), 'hunter2')
})

await t.test('--upstream puts the edge in front of any app, for its hosts alone', async (t) => {
  const config = configure({ EDGE_PERMISSION: 'all', EDGE_UPSTREAMS: 'http://10.0.0.1' }, 'dev', {
    upstream: 'http://localhost:3000/',
    hosts: ['App.localhost', 'b.test.', 'app.localhost'],
  })
  t.strictSame(config.upstreams, [{ url: 'http://localhost:3000', backup: false }])
  t.strictSame(config.permission, { kind: 'names', names: ['app.localhost', 'b.test', 'localhost'] })
  t.equal(config.pageFiles, false)
})

await t.test('flags that are wrong are faults like any other', async (t) => {
  const wrong = [
    'localhost:3000',
    'ftp://x',
    'http://a/path',
    'http://a?q',
    'http://u:hunter2@a',
    'http://localhost:0',
    '',
  ]
  for (const upstream of wrong) {
    const fault = faultsOf({}, 'dev', { upstream })['--upstream']
    t.match(fault?.message, /^must be an origin such as http:\/\/localhost:3000/, upstream)
    t.notMatch(fault?.value, 'hunter2')
  }
  t.match(faultsOf({}, 'dev', { upstream: 'http://a', hosts: ['-'] }), { '--host': { value: '-' } })
  t.match(faultsOf({}, 'dev', { hosts: ['a.test'] }), { '--host': { message: 'goes with --upstream URL only' } })
})
