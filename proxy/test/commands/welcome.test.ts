import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { renderWelcome, type Welcome } from '../../src/commands/welcome.ts'
import { configure } from '../config/configure.ts'

const listeners: Welcome['listeners'] = [
  { name: 'http', address: '127.0.0.1', port: 8000 },
  { name: 'https', address: '127.0.0.1', port: 8443 },
  { name: 'admin', address: '127.0.0.1', port: 40123 },
]

function render(welcome: Partial<Welcome>): string {
  const whole = { config: configure({}), listeners, appPort: undefined, hosts: [], ...welcome }
  return stripVTControlCharacters(renderWelcome(whole))
}

await t.test('it names the addresses that were really opened', async (t) => {
  const config = configure({ EDGE_ADMIN: '127.0.0.1:0', EDGE_DATA_DIRECTORY: '/srv/edge', BLOT_PORT: '0' })
  const text = render({ config, appPort: 40001 })
  for (const line of [
    'https://blot.localhost:8443',
    'https://<folder>.blot.localhost:8443',
    'http://blot.localhost:8000',
    'app at http://127.0.0.1:40001',
    'dashboard at http://127.0.0.1:40123',
    '/srv/edge/local-ca/root.pem',
  ]) {
    t.match(text, line)
  }
  t.notMatch(text, /:0\b/)
})

await t.test('with names of one’s own, those are the sites', async (t) => {
  const config = configure({}, 'dev', { upstream: 'http://localhost:3000', hosts: ['app.localhost', 'two.localhost'] })
  const text = render({ config, hosts: ['app.localhost', 'two.localhost'] })
  t.match(text, /https:\/\/app\.localhost:8443\n +https:\/\/two\.localhost:8443\n/)
  t.match(text, 'app at http://localhost:3000')
  t.notMatch(text, '<folder>')
})

await t.test('port 443 is left out, and IPv6 is fit for a browser', async (t) => {
  const standard = listeners.map((one) => (one.name === 'https' ? { ...one, port: 443 } : one))
  t.match(render({ listeners: standard }), /https:\/\/blot\.localhost\n/)
  t.match(render({ config: configure({ EDGE_ADMIN: '[::1]:0' }) }), 'dashboard at http://[::1]:40123')
})
