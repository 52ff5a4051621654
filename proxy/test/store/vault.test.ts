import { chmod, mkdir, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Test } from 'tap'
import { openFileVault } from '../../src/store/file-vault.ts'
import { createRedisLocker } from '../../src/store/redis-locker.ts'
import { createRedisVault } from '../../src/store/redis-vault.ts'
import { openRedis } from '../../src/store/redis.ts'
import { DAY_MS, invalid, makeCertificate, makeKey } from '../certificates/factory.ts'
import { pollUntil } from '../until.ts'
import { startRedis } from './redis-server.ts'
import type { Vault } from '../../src/certificates/contracts.ts'

const LONG_NAME = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.example`

async function namesOf(vault: Vault): Promise<string[]> {
  const names: string[] = []
  for await (const name of vault.names()) names.push(name)
  return names.toSorted()
}

/** What every vault does. */
async function contract(t: Test, vault: Vault): Promise<void> {
  await t.test('gives back what was written, and undefined for the rest', async (t) => {
    const certificate = await makeCertificate('one.example', { issuer: 'local:1' })
    await vault.write(certificate)
    t.same(await vault.read('one.example'), certificate)
    t.equal(await vault.read('two.example'), undefined)
  })

  await t.test('replaces, lists and removes', async (t) => {
    const old = await makeCertificate('replaced.example')
    const renewed = await makeCertificate('replaced.example')
    await vault.write(old)
    await vault.write(renewed)
    t.equal((await vault.read('replaced.example'))?.chainPem, renewed.chainPem)
    await vault.remove('replaced.example')
    await vault.remove('replaced.example')
    t.equal(await vault.read('replaced.example'), undefined)
    t.same(await namesOf(vault), ['one.example'])
  })

  await t.test('takes wildcards and names of 253 octets', async (t) => {
    await vault.write(await makeCertificate('*.wild.example'))
    await vault.write(await makeCertificate(LONG_NAME))
    t.equal((await vault.read('*.wild.example'))?.name, '*.wild.example')
    t.equal((await vault.read(LONG_NAME))?.name, LONG_NAME)
    t.same(await namesOf(vault), ['*.wild.example', LONG_NAME, 'one.example'])
  })

  await t.test('gives back an expired certificate', async (t) => {
    await vault.write(await makeCertificate('expired.example', { daysLeft: -1 }))
    t.ok(((await vault.read('expired.example'))?.notAfterMs ?? Infinity) < Date.now())
  })

  await t.test('refuses what it would not give back', async (t) => {
    const certificate = await makeCertificate('good.example')
    await t.rejects(vault.write({ ...certificate, privateKeyPem: makeKey() }), invalid(/key does not match/))
    await t.rejects(vault.write({ ...certificate, name: 'other.example' }), invalid(/does not cover/))
    await t.rejects(vault.write({ ...certificate, name: '../../etc/passwd' }), invalid(/not a name/))
    await t.rejects(vault.read('../../etc/passwd'), invalid(/not a name/))
    await t.rejects(vault.remove('a/b'), invalid(/not a name/))
    t.equal(await vault.read('good.example'), undefined)
  })

  await t.test('a reader beside writers sees one certificate or the other, whole', async (t) => {
    const pair = [await makeCertificate('busy.example'), await makeCertificate('busy.example')] as const
    await vault.write(pair[0])
    const chains = new Set(pair.map(({ chainPem }) => chainPem))
    const writing = Promise.all([...pair, ...pair, ...pair].map((certificate) => vault.write(certificate)))
    for (let reads = 0; reads < 50; reads += 1) {
      const seen = await vault.read('busy.example')
      if (!chains.has(seen?.chainPem ?? '')) t.fail('a mixture was read')
    }
    await writing
  })
}

await t.test('file vault', async (t) => {
  const folder = join(t.testdir(), 'vault')
  const vault = await openFileVault(folder)
  await contract(t, vault)

  await t.test('keeps keys from everybody else', async (t) => {
    t.equal((await stat(folder)).mode & 0o777, 0o700)
    const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
    t.ok(files.length > 0)
    for (const file of files) t.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file)
    await chmod(folder, 0o755)
    await openFileVault(folder)
    t.equal((await stat(folder)).mode & 0o777, 0o700, 'a folder that was opened up is closed')
  })

  await t.test('refuses damaged files, and heals by the next write', async (t) => {
    const certificate = await makeCertificate('damaged.example')
    await vault.write(certificate)
    const file = join(folder, 'damaged.example.json')
    const whole = await readFile(file, 'utf8')
    const other = await makeCertificate('damaged.example')
    const texts: [string, RegExp][] = [
      ['', /damaged/],
      [whole.slice(0, whole.length / 2), /damaged/],
      ['[]', /damaged/],
      ['null', /damaged/],
      ['{"chainPem":1,"privateKeyPem":2}', /damaged/],
      ['x'.repeat(600 * 1024), /damaged/],
      [whole.replace(/-----BEGIN CERT.*?-----END CERTIFICATE-----/, ''), /no certificate/],
      [whole.replace(/(BEGIN CERTIFICATE-----.{40})/, '$1AAAA'), /does not parse/],
      [JSON.stringify({ ...certificate, privateKeyPem: 'no key' }), /key does not parse/],
      [JSON.stringify({ ...certificate, privateKeyPem: other.privateKeyPem }), /key does not match/],
    ]
    for (const [text, reason] of texts) {
      await writeFile(file, text)
      await t.rejects(vault.read('damaged.example'), invalid(reason), text.slice(0, 40))
    }
    await vault.write(certificate)
    t.same(await vault.read('damaged.example'), certificate)
  })

  await t.test('a file of another name is not served', async (t) => {
    const certificate = await makeCertificate('victim.example')
    await writeFile(join(folder, 'wrong.example.json'), JSON.stringify(certificate))
    await t.rejects(vault.read('wrong.example'), invalid(/does not cover/))
  })

  await t.test('forgets what a killed process left half-written, not what is being written', async (t) => {
    const dead = join(folder, '.unfinished-dead')
    const alive = join(folder, '.unfinished-alive')
    await writeFile(dead, 'half')
    await writeFile(alive, 'half')
    const longAgo = new Date(Date.now() - DAY_MS)
    await utimes(dead, longAgo, longAgo)
    await openFileVault(folder)
    const left = (await readdir(folder)).filter((file) => file.startsWith('.unfinished'))
    t.same(left, ['.unfinished-alive'])
    await rm(alive)
    t.notOk((await namesOf(vault)).some((name) => name.startsWith('.')))
  })

  await t.test('says that the store is unavailable when the folder cannot be used', async (t) => {
    await t.rejects(openFileVault(join(t.testdir({ file: '' }), 'file')))
    await mkdir(join(folder, 'folder.example.json'))
    await t.rejects(vault.read('folder.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    await t.rejects(vault.write(await makeCertificate('folder.example')), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    const unfinished = (await readdir(folder)).filter((file) => file.startsWith('.unfinished'))
    t.same(unfinished, [], 'a write that failed leaves nothing behind')
  })
})

await t.test('redis vault', async (t) => {
  const server = await startRedis(t.testdir())
  t.teardown(() => server.stop())
  const store = await openRedis(server.url)
  t.teardown(() => store.close())
  const redis = new Redis(server.url)
  t.teardown(() => redis.disconnect())
  const vault = createRedisVault(store, 'ssl')
  await contract(t, vault)

  await t.test('writes what lua-resty-auto-ssl reads', async (t) => {
    const certificate = await makeCertificate('shared.example', { issuer: 'local:1' })
    await vault.write(certificate)
    const record: unknown = JSON.parse((await redis.get('ssl:shared.example:latest')) ?? '')
    t.same(record, {
      fullchain_pem: certificate.chainPem,
      privkey_pem: certificate.privateKeyPem,
      cert_pem: certificate.chainPem,
      expiry: Math.floor(certificate.notAfterMs / 1000),
      edge: { version: 1, issuer: 'local:1' },
    })
    t.equal(await redis.ttl('ssl:shared.example:latest'), -1)
  })

  await t.test('reads what lua-resty-auto-ssl wrote, with and without expiry and cert_pem', async (t) => {
    const { chainPem, privateKeyPem, notAfterMs } = await makeCertificate('lua.example')
    const full = { fullchain_pem: chainPem, privkey_pem: privateKeyPem, cert_pem: chainPem, expiry: 12 }
    const bare = { fullchain_pem: chainPem, privkey_pem: privateKeyPem }
    for (const record of [full, bare]) {
      await redis.set('ssl:lua.example:latest', JSON.stringify(record).replaceAll('/', String.raw`\/`))
      t.match(await vault.read('lua.example'), { chainPem, privateKeyPem, notAfterMs, issuer: undefined })
    }
  })

  await t.test('refuses what a holder writes whose lock passed on', async (t) => {
    const [late, next] = [await makeCertificate('fenced.example'), await makeCertificate('fenced.example')]
    const locker = createRedisLocker(store)
    const lost = await locker.acquire('fenced.example', AbortSignal.timeout(5_000))
    await redis.del('edge:lock:fenced.example')
    const lock = await locker.acquire('fenced.example', AbortSignal.timeout(5_000))
    await t.rejects(vault.write(late, lost.fence), { code: 'EDGE_ERR_STORE_FENCED' }, 'before the next one has written')
    await vault.write(next, lock.fence)
    await redis.set('ssl:fenced.example:latest', '{"written":"by another program"}')
    await t.rejects(vault.write(late, lost.fence), { code: 'EDGE_ERR_STORE_FENCED' })
    await vault.write(next, lock.fence)
    t.equal((await vault.read('fenced.example'))?.chainPem, next.chainPem)
    await lock.release()
    await vault.write(late)
    t.equal((await vault.read('fenced.example'))?.chainPem, late.chainPem, 'without a lock it is somebody’s will')
  })

  await t.test('refuses damaged records', async (t) => {
    const { chainPem } = await makeCertificate('bad.example')
    const other = makeKey()
    const mixed = JSON.stringify({ fullchain_pem: chainPem, privkey_pem: other })
    for (const text of ['', 'null', '{', '{"fullchain_pem":1}', 'x'.repeat(600 * 1024), mixed]) {
      await redis.set('ssl:bad.example:latest', text)
      await t.rejects(vault.read('bad.example'), { code: 'EDGE_ERR_CERTIFICATE_INVALID' }, text.slice(0, 30))
    }
    await redis.del('ssl:bad.example:latest')
  })

  await t.test('lists names alone, also under a prefix with glob characters', async (t) => {
    const odd = createRedisVault(store, 'a[b]*?')
    await odd.write(await makeCertificate('odd.example'))
    await redis.mset('a[b]*?:odd.example:1700000000000', 'old', 'a[b]*?:odd.example:challenge:x', 'y')
    await redis.mset('a[b]*?:odd.example:issue_cert_lock', 'x', 'ab:elsewhere.example:latest', 'x')
    await redis.mset('a[b]*?:NOT A NAME:latest', 'x', 'axbxx:glob.example:latest', 'x')
    t.same(await namesOf(odd), ['odd.example'])
  })

  await t.test('rejects within its limit when redis hangs, and when it is gone', async (t) => {
    await redis.client('PAUSE', 600, 'ALL')
    await t.rejects(vault.read('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    const answers = (): Promise<boolean> =>
      vault.read('one.example').then(
        () => true,
        () => false,
      )
    await t.resolves(pollUntil(answers), 'it comes back')
    redis.disconnect()
    await server.stop()
    await t.rejects(vault.read('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    await t.rejects(vault.write(await makeCertificate('one.example')), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    await t.rejects(vault.remove('one.example'), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
    await t.rejects(namesOf(vault), { code: 'EDGE_ERR_STORE_UNAVAILABLE' })
  })
})
