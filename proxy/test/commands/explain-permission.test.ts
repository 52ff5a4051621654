import t from 'tap'
import { explainPermission } from '../../src/commands/explain/permission.ts'
import { configure, leastForRun } from '../config/configure.ts'

/** Nobody listens at port 1. */
const asking = { ...leastForRun, EDGE_STORE: 'file:/nowhere', EDGE_PERMISSION: 'http://127.0.0.1:1/ask' }

await t.test('what the configuration decides, it is said to decide', async (t) => {
  const config = configure({ ...asking, EDGE_ISSUER: 'local' }, 'run')
  for (const name of [config.host, `www.${config.host}`, `preview-of-x.${config.host}`, 'localhost']) {
    t.equal(await explainPermission(name, config), 'yes, says the configuration', name)
  }
  t.match(await explainPermission('other.example', config), /^nobody could say .*127\.0\.0\.1:1/)
})

await t.test('previews are covered by a wildcard certificate, also by one over DNS-01', async (t) => {
  const config = configure({ ...asking, EDGE_ISSUER: 'none' }, 'run')
  const preview = `preview-of-x.${config.host}`
  t.equal(await explainPermission(preview, config), 'no, says the configuration')
  const covered = { ...config, dnsModule: { name: 'acme-dns-01-test', directory: '/nowhere' } }
  t.equal(await explainPermission(preview, covered), 'yes, says the configuration')
})
