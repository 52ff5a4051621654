import { X509Certificate } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createAnswers } from '../../../src/certificates/issuers/acme/answers.ts'
import { openDnsModule } from '../../../src/certificates/issuers/acme/dns-module.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { startPebble } from '../pebble.ts'
import { ENGINES, answerChallenges, memoryTokens, obtain, openTestIssuer, problemOf } from './acme.ts'

const FILE = join(import.meta.dirname, 'acme-dns-01-challtestsrv.cjs')
const folder = temporaryDirectory(t)
const tokens = memoryTokens()
const pebble = await startPebble(t, { folder, httpPort: await answerChallenges(t, tokens) })
const options = { url: pebble.dns.url, zone: 'blot.example', propagationDelay: 1 }

for (const [id, openEngine] of Object.entries(ENGINES)) {
  await t.test(`a wildcard is shown by DNS, its own name over HTTP: ${id}`, async (t) => {
    const engine = await openEngine(t)
    const dns = await openDnsModule({ name: FILE, directory: folder, options })
    const issuer = openTestIssuer(t, engine, pebble, { tokens, answers: createAnswers(tokens, dns) })
    const leaf = new X509Certificate((await obtain(issuer, ['*.blot.example', 'blot.example'])).chainPem)
    t.equal(leaf.checkHost('any.blot.example'), '*.blot.example')
    t.equal(leaf.checkHost('blot.example'), 'blot.example')
    t.equal(tokens.held.size, 0)
    const resolver = new Resolver()
    resolver.setServers([pebble.dns.server])
    await t.rejects(resolver.resolveTxt('_acme-challenge.blot.example'), 'the record is gone')

    const without = openTestIssuer(t, engine, pebble, { tokens })
    const problem = await problemOf(obtain(without, ['*.blot.example']))
    t.match(problem, { kind: 'invalidAnswer', detail: /for blot\.example it offers .+; this edge answers http-01/ })
  })
}

await t.test('the time that a record takes to spread is waited for, and no longer than the order lasts', async (t) => {
  const dns = await openDnsModule({
    name: FILE,
    directory: folder,
    options: { ...options, propagationDelay: 3600_000 },
  })
  const engine = await ENGINES['acme-client']?.(t)
  if (engine === undefined) throw new Error('no engine')
  const issuer = openTestIssuer(t, engine, pebble, { answers: createAnswers(tokens, dns), orderMs: 500 })
  t.match(await problemOf(obtain(issuer, ['*.blot.example'])), { kind: 'timeout' })
})

await t.test('a module is found by its name in node_modules, and refused clearly when it cannot be used', async (t) => {
  const directory = temporaryDirectory(t)
  const installed = join(directory, 'node_modules/acme-dns-01-challtestsrv')
  await mkdir(installed, { recursive: true })
  await cp(FILE, join(installed, 'index.js'))
  await openDnsModule({ name: 'acme-dns-01-challtestsrv', directory, options })
  const rows: [string, RegExp][] = [
    ['acme-dns-01-missing', /acme-dns-01-missing \(EDGE_DNS_MODULE\) cannot be used: .*Cannot find/],
    [join(import.meta.dirname, 'acme.ts'), /create is not a function/],
  ]
  for (const [name, message] of rows) {
    await t.rejects(openDnsModule({ name, directory, options }), { code: 'EDGE_ERR_ACME_DNS_MODULE_UNFIT', message })
  }
})
