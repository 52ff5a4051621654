import path from 'node:path'
import t from 'tap'
import { ConfigError, readConfig } from '../src/config.ts'

await t.test('an empty environment gives what works on any machine', async (t) => {
  const config = readConfig({})
  t.match(config, { host: 'blot.localhost', port: 8080, protocol: 'http', cache: false, maintenance: false })
  t.match(config, { uploadToken: undefined, dropboxSecret: undefined, redis: undefined, reverseProxies: [] })
  const checkout = path.resolve(import.meta.dirname, '../..')
  t.equal(config.blogsDirectory, path.join(checkout, 'blot-app/blogs'))
  t.equal(config.dataDirectory, path.join(checkout, 'data'))
  t.equal(config.cacheDirectory, path.join(checkout, 'data/cache'))
  t.ok(Object.isFrozen(config))
})

await t.test('an empty value is the same as none', async (t) => {
  t.equal(readConfig({ BLOT_PORT: '', BLOT_HOST: '' }).port, 8080)
})

await t.test('every value is read', async (t) => {
  const config = readConfig({
    BLOT_HOST: 'Blot.IM',
    BLOT_PORT: '0',
    BLOT_PROTOCOL: 'https',
    BLOT_CACHE: 'true',
    BLOT_CACHE_DIRECTORY: '/cache',
    BLOT_DATA_DIRECTORY: '/data',
    BLOT_BLOGS_DIRECTORY: import.meta.dirname,
    BLOT_UPLOAD_TOKEN: 'u',
    BLOT_DROPBOX_SECRET: 'd',
    BLOT_PURGE_TOKEN: 'p',
    BLOT_REDIS_HOST: 'redis',
    BLOT_REVERSE_PROXY_URLS: 'http://127.0.0.1:80/, https://10.0.0.2:8077',
    BLOT_EDGE_ADMIN_URL: 'http://127.0.0.1:8077/',
    BLOT_EDGE_ADMIN_TOKEN: 'e',
    BLOT_MAINTENANCE: 'true',
    NODE_ENV: 'production',
  })
  t.strictSame(config, {
    host: 'blot.im',
    port: 0,
    protocol: 'https',
    cache: true,
    cacheDirectory: '/cache',
    dataDirectory: '/data',
    blogsDirectory: import.meta.dirname,
    uploadToken: 'u',
    dropboxSecret: 'd',
    purgeToken: 'p',
    redis: { host: 'redis', port: 6379 },
    reverseProxies: ['http://127.0.0.1:80', 'https://10.0.0.2:8077'],
    edgeAdmin: 'http://127.0.0.1:8077',
    edgeAdminToken: 'e',
    maintenance: true,
    production: true,
  })
  t.strictSame(readConfig({ BLOT_REDIS_HOST: '[::1]:7000' }).redis, { host: '::1', port: 7000 })
})

await t.test('all faults are told at once, each with what would be right, and no secret', async (t) => {
  const wrong = {
    BLOT_HOST: 'https://blot.im',
    BLOT_PORT: '65536',
    BLOT_PROTOCOL: 'ftp',
    BLOT_CACHE: 'yes',
    BLOT_BLOGS_DIRECTORY: '/does/not/exist',
    BLOT_UPLOAD_TOKEN: 'top secret',
    BLOT_REDIS_HOST: 'redis://x',
    BLOT_REVERSE_PROXY_URLS: '127.0.0.1',
    BLOT_MAINTENANCE: '1',
  }
  try {
    readConfig(wrong)
    t.fail('nothing was thrown')
  } catch (error) {
    t.ok(error instanceof ConfigError)
    if (!(error instanceof ConfigError)) return
    t.strictSame(error.faults.map((fault) => fault.variable).toSorted(), Object.keys(wrong).toSorted())
    t.match(error.message, /BLOT_PORT="65536": expected a port from 0 to 65535/)
    t.notMatch(error.message, 'top secret')
  }
})
