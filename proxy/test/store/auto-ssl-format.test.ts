import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { certificateFromPem } from '../../src/certificates/verify.ts'
import { DAY_MS, invalid, makeCertificate, makeKey } from '../certificates/factory.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { makePlace } from './stores.ts'

/**
 * lua-resty-auto-ssl 0.13 in the shape of its storage.lua, with the cjson that Redis has, too: `set_cert` writes a copy by time
 * and the latest one, `get_cert` reads the latest one.
 */
const SET_CERT = `
local data = { fullchain_pem = ARGV[1], privkey_pem = ARGV[2] }
if ARGV[3] ~= '' then data.cert_pem = ARGV[3] end
if ARGV[4] ~= '' then data.expiry = tonumber(ARGV[4]) end
local text = cjson.encode(data)
redis.call('set', KEYS[1] .. ':' .. ARGV[5], text)
return redis.call('set', KEYS[1] .. ':latest', text)`
const GET_CERT = `
local data = cjson.decode(redis.call('get', KEYS[1] .. ':latest'))
return { data.fullchain_pem, data.privkey_pem, data.cert_pem, string.format('%d', data.expiry), type(data.expiry) }`

const place = await makePlace(t, 'redis')
const store = await place.open(t)
const redis = new Redis(place.store.kind === 'redis' ? place.store.url : '')
t.teardown(() => redis.disconnect())

type Given = { chainPem: string; privateKeyPem: string; certPem?: string; expiry?: number }

async function setCert(name: string, { chainPem, privateKeyPem, certPem = '', expiry }: Given): Promise<void> {
  await redis.eval(SET_CERT, 1, `ssl:${name}`, chainPem, privateKeyPem, certPem, expiry ?? '', 1_700_000_000_000)
}

await t.test('either program reads what the other wrote, in turn', async (t) => {
  const [first, second] = [await makeCertificate('turns.example'), await makeCertificate('turns.example')]
  await setCert('turns.example', { ...first, certPem: first.chainPem, expiry: 1 })
  t.same(await store.vault.read('turns.example'), first)
  const lock = await store.locker.acquire('turns.example', AbortSignal.timeout(5_000))
  await store.vault.write(second, lock.fence)
  const [chainPem, keyPem, certPem, expiry, type] = (await redis.eval(GET_CERT, 1, 'ssl:turns.example')) as string[]
  t.same([chainPem, keyPem, certPem], [second.chainPem, second.privateKeyPem, second.chainPem])
  t.same([expiry, type], [String(Math.floor(second.notAfterMs / 1_000)), 'number'])
  await setCert('turns.example', first)
  t.same(await store.vault.read('turns.example'), first, 'without expiry and cert_pem')
  await store.vault.write(second, lock.fence)
  t.same(await store.vault.read('turns.example'), second, 'what it wrote in between fences nobody')
  await lock.release()
})

await t.test('a chain of RSA-4096 keys by openssl', async (t) => {
  const directory = temporaryDirectory(t)
  const file = (name: string): string => join(directory, name)
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { stdio: 'pipe' })
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.pem'),
    '-subj',
    '/CN=CA',
  )
  openssl('genrsa', '-traditional', '-out', file('key.pem'), '4096')
  openssl('req', '-new', '-key', file('key.pem'), '-subj', '/CN=rsa.example', '-out', file('leaf.csr'))
  writeFileSync(file('leaf.cnf'), 'subjectAltName=DNS:rsa.example,DNS:www.rsa.example\n')
  const signing = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-days', '89', '-extfile', file('leaf.cnf')]
  openssl('x509', '-req', '-in', file('leaf.csr'), ...signing, '-out', file('leaf.pem'))
  const read = (name: string): string => readFileSync(file(name), 'utf8')
  const chainPem = read('leaf.pem') + read('ca.pem')
  t.match(read('key.pem'), /BEGIN RSA PRIVATE KEY/)
  await setCert('rsa.example', { chainPem, privateKeyPem: read('key.pem'), certPem: read('leaf.pem'), expiry: 1 })
  const found = await store.vault.read('rsa.example')
  t.match(found, { chainPem, privateKeyPem: read('key.pem'), issuer: undefined })
  const daysLeft = ((found?.notAfterMs ?? 0) - Date.now()) / DAY_MS
  t.ok(daysLeft > 88 && daysLeft <= 89, 'the end is that of the leaf')
  t.same(
    certificateFromPem({ name: 'rsa.example', chainPem, privateKeyPem: read('key.pem'), issuer: undefined }),
    found,
  )
})

await t.test('what must not be served is refused, what has expired is not', async (t) => {
  const certificate = await makeCertificate('odd.example', { daysLeft: -10 })
  await setCert('odd.example', { ...certificate, expiry: Math.floor(Date.now() / 1_000) + 1_000_000 })
  t.equal((await store.vault.read('odd.example'))?.notAfterMs, certificate.notAfterMs)
  await setCert('odd.example', { ...certificate, privateKeyPem: makeKey() })
  await t.rejects(store.vault.read('odd.example'), invalid(/key does not match/))
  await setCert('odd.example', { ...certificate, chainPem: '' })
  await t.rejects(store.vault.read('odd.example'), invalid(/no certificate/))
  await setCert('other.example', certificate)
  await t.rejects(store.vault.read('other.example'), invalid(/does not cover/))
})

await t.test('its history, challenges and locks are nobody’s certificates, and stay', async (t) => {
  await redis.set('ssl:turns.example:challenge:token', 'answer')
  await redis.set('ssl:turns.example:issue_cert_lock', 'x', 'EX', 30)
  const names: string[] = []
  for await (const name of store.vault.names()) names.push(name)
  t.same(names.toSorted(), ['odd.example', 'other.example', 'rsa.example', 'turns.example'])
  await store.vault.remove('turns.example')
  const left = await redis.keys('ssl:turns.example:*')
  const history = ['challenge:token', 'issue_cert_lock', '1700000000000'].map((end) => `ssl:turns.example:${end}`)
  t.same(left.toSorted(), history.toSorted())
})
