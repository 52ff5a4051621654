import t from 'tap'
import type { Mode } from '../../src/config.ts'
import { configure, faultsOf, leastForRun } from './configure.ts'

type Rule = {
  name: string
  blamed: string
  message: RegExp
  wrong: readonly Record<string, string>[]
  right: readonly Record<string, string>[]
  mode?: Mode
}

function storeKey(text: string): string {
  return Buffer.alloc(32, text).toString('base64')
}

const rules: readonly Rule[] = [
  {
    name: 'BLOT_REDIS_HOST and EDGE_STORE do not contradict one another',
    blamed: 'BLOT_REDIS_HOST',
    message: /names another store than EDGE_STORE \((file:\/x|redis(s|\+sentinel)?:\/\/(\*\*\*@)?(db|other)[^)]*)\)/,
    wrong: [
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis://:secret@other' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'rediss://db' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis://db/1' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'file:/x' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis+sentinel://db:6379,other/1' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis+sentinel://db:6379/0' },
    ],
    right: [
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis://db' },
      { BLOT_REDIS_HOST: 'db', EDGE_STORE: 'redis://:secret@DB:6379/0' },
    ],
  },
  {
    name: 'the key of before is not the key of now',
    blamed: 'EDGE_STORE_KEY_OLD',
    message: /^is EDGE_STORE_KEY too: unset it, or make a new key$/,
    wrong: [{ EDGE_STORE_KEY: storeKey('a'), EDGE_STORE_KEY_OLD: storeKey('a') }],
    right: [
      { EDGE_STORE_KEY: storeKey('a'), EDGE_STORE_KEY_OLD: storeKey('b') },
      { EDGE_STORE_KEY_OLD: storeKey('a') },
    ],
  },
  {
    name: 'an ACME CA is given a mail address',
    blamed: 'EDGE_ACME_EMAIL',
    message: /^is required with EDGE_ISSUER=acme/,
    wrong: [{ EDGE_ISSUER: 'acme' }],
    right: [{ EDGE_ISSUER: 'acme', EDGE_ACME_EMAIL: 'a@b.example' }, { EDGE_ISSUER: 'local' }, { EDGE_ISSUER: 'none' }],
  },
  {
    name: 'nobody orders from an ACME CA for every name',
    blamed: 'EDGE_PERMISSION',
    message: /^lets any visitor use up what the CA allows/,
    wrong: [{ EDGE_ISSUER: 'acme', EDGE_ACME_EMAIL: 'a@b.example', EDGE_PERMISSION: 'all' }],
    right: [{ EDGE_ISSUER: 'local', EDGE_PERMISSION: 'all' }],
  },
  {
    name: 'an external account has its key',
    blamed: 'EDGE_ACME_EAB_KEY_ID',
    message: /^goes with EDGE_ACME_EAB_HMAC: set both or none$/,
    wrong: [{ EDGE_ACME_EAB_KEY_ID: 'kid' }],
    right: [{ EDGE_ACME_EAB_KEY_ID: 'kid', EDGE_ACME_EAB_HMAC: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV==' }],
  },
  {
    name: 'the key of an external account has its id',
    blamed: 'EDGE_ACME_EAB_HMAC',
    message: /^goes with EDGE_ACME_EAB_KEY_ID: set both or none$/,
    wrong: [{ EDGE_ACME_EAB_HMAC: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajV' }],
    right: [{}],
  },
  {
    name: 'options are those of a DNS module',
    blamed: 'EDGE_DNS_OPTIONS',
    message: /^goes with EDGE_DNS_MODULE$/,
    wrong: [{ EDGE_DNS_OPTIONS: '{"token":"secret"}' }],
    right: [{ EDGE_DNS_MODULE: 'acme-dns-01-cloudflare', EDGE_DNS_OPTIONS: '{"token":"secret"}' }],
  },
  {
    name: 'a wildcard certificate has its key',
    blamed: 'EDGE_WILDCARD_CERTIFICATE',
    message: /^goes with EDGE_WILDCARD_KEY: set both or none$/,
    wrong: [{ EDGE_WILDCARD_CERTIFICATE: 'c.pem' }],
    right: [{ EDGE_WILDCARD_CERTIFICATE: 'c.pem', EDGE_WILDCARD_KEY: 'k.pem' }],
  },
  {
    name: 'a wildcard key has its certificate',
    blamed: 'EDGE_WILDCARD_KEY',
    message: /^goes with EDGE_WILDCARD_CERTIFICATE: set both or none$/,
    wrong: [{ EDGE_WILDCARD_KEY: 'k.pem' }],
    right: [{}],
  },
  {
    name: 'an admin API that other machines reach has a token',
    blamed: 'EDGE_ADMIN',
    message: /can be reached from other machines: set EDGE_ADMIN_TOKEN/,
    wrong: [
      { EDGE_ADMIN: '10.0.0.1:8077' },
      { EDGE_ADMIN: '[::]:8077' },
      { EDGE_ADMIN: '[::ffff:10.0.0.1]:8077' },
      { EDGE_ADMIN: '[fe80::1%eth0]:8077' },
    ],
    right: [
      { EDGE_ADMIN: '10.0.0.1:8077', EDGE_ADMIN_TOKEN: 'secret' },
      { EDGE_ADMIN: '127.9.9.9:8077' },
      { EDGE_ADMIN: '[::ffff:127.0.0.1]:8077' },
      { EDGE_ADMIN: 'unix:/run/edge.sock' },
    ],
  },
  {
    name: 'permission for all stays on loopback',
    blamed: 'EDGE_PERMISSION',
    message: /allowed only when EDGE_ADDRESS is loopback/,
    wrong: [
      { EDGE_PERMISSION: 'all', EDGE_ADDRESS: '0.0.0.0' },
      { EDGE_PERMISSION: 'all', EDGE_ADDRESS: '::' },
    ],
    right: [
      { EDGE_PERMISSION: 'all', EDGE_ADDRESS: '127.0.0.1' },
      { EDGE_PERMISSION: 'all', EDGE_ADDRESS: '::1' },
    ],
  },
  {
    name: 'permission by the store has a Redis to ask',
    blamed: 'EDGE_PERMISSION',
    message: /asks Redis which names the app has registered, and EDGE_STORE is a folder/,
    wrong: [{ EDGE_PERMISSION: 'store' }],
    right: [{ EDGE_PERMISSION: 'store', EDGE_STORE: 'redis://db' }],
  },
  {
    name: 'the PROXY protocol has somebody to trust',
    blamed: 'EDGE_PROXY_PROTOCOL',
    message: /^needs EDGE_TRUSTED_PROXIES/,
    wrong: [{ EDGE_PROXY_PROTOCOL: 'true' }],
    right: [{ EDGE_PROXY_PROTOCOL: 'true', EDGE_TRUSTED_PROXIES: '10.0.0.1' }, { EDGE_PROXY_PROTOCOL: 'no' }],
  },
  {
    name: 'http and https have a port each',
    blamed: 'EDGE_HTTPS_PORT',
    message: /^is the port of EDGE_HTTP_PORT too/,
    wrong: [{ EDGE_HTTP_PORT: '8443' }],
    right: [{ EDGE_HTTP_PORT: '0', EDGE_HTTPS_PORT: '0' }],
  },
  {
    name: 'the admin API has a port of its own',
    blamed: 'EDGE_ADMIN',
    message: /^is the port of EDGE_HTTP_PORT too/,
    wrong: [{ EDGE_HTTP_PORT: '8077' }, { EDGE_HTTP_PORT: '8077', EDGE_ADDRESS: '::' }],
    right: [{ EDGE_HTTP_PORT: '8077', EDGE_ADDRESS: '127.0.0.2' }],
  },
  {
    name: 'upstreams of run have a port',
    blamed: 'EDGE_UPSTREAMS',
    message: /needs the port of the app, not 0/,
    mode: 'run',
    wrong: [{ BLOT_PORT: '0' }, { EDGE_UPSTREAMS: 'http://10.0.0.1:0' }],
    right: [{ BLOT_PORT: '3000' }],
  },
]

for (const { name, blamed, message, wrong, right, mode = 'dev' } of rules) {
  await t.test(name, async (t) => {
    const least = mode === 'run' ? leastForRun : {}
    for (const environment of wrong) {
      const faults = faultsOf({ ...least, ...environment }, mode)
      t.strictSame(Object.keys(faults), [blamed], JSON.stringify(environment))
      t.match(faults[blamed]?.message, message)
    }
    for (const environment of right) t.strictSame(faultsOf({ ...least, ...environment }, mode), {})
  })
}

await t.test('in dev, port 0 stands for the port that the app is going to choose', async (t) => {
  t.strictSame(configure({ BLOT_PORT: '0' }).upstreams, [{ url: 'http://127.0.0.1:0', backup: false }])
})
