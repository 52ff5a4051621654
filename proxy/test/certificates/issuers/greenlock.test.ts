import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { tellSeen } from './threads/seen.ts'
import { openGreenlock } from '../../../src/certificates/issuers/greenlock/engine.ts'
import { signingKey } from '../../../src/certificates/issuers/acme/jws.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { makeKey } from '../factory.ts'
import { startPebble } from '../pebble.ts'
import { pollUntil } from '../../until.ts'
import { answerChallenges, memoryTokens, obtain, openTestIssuer } from './acme.ts'
import type { EngineOrder } from '../../../src/certificates/issuers/acme/engine.ts'

const thread = (name: string): string => join(import.meta.dirname, 'threads', `${name}.ts`)

function orderOf(name: string, signal: AbortSignal = AbortSignal.timeout(60_000)): EngineOrder {
  const privateKeyPem = makeKey()
  const unasked = (): Promise<never> => Promise.reject(new Error('nobody asked'))
  return {
    names: [name],
    csrPem: '',
    privateKeyPem,
    account: { ...signingKey(privateKeyPem), accountUrl: 'https://ca.example/account' },
    directoryUrl: 'https://ca.example/directory',
    directory: { newNonce: '', newAccount: '', newOrder: '', revokeCert: '', renewalInfo: '', termsOfService: '' },
    challengeTypes: ['http-01'],
    signal,
    post: unasked,
    present: unasked,
    settle: unasked,
  }
}

await t.test('a thread that ends takes its orders with it, and the next one gets another', async (t) => {
  const engine = await openGreenlock({ threadFile: thread('scripted') })
  t.teardown(() => engine.close())
  const lost = { code: 'EDGE_ERR_ACME_ENGINE_LOST' }
  for (const [name, message] of [
    ['exit.example', /with 3/],
    ['throw.example', /greenlock threw/],
  ] as const) {
    const silent = t.rejects(engine.order(orderOf('silent.example')), lost)
    await t.rejects(engine.order(orderOf(name)), { ...lost, message })
    await silent
    const fine = await Promise.all([engine.order(orderOf('a.example')), engine.order(orderOf('b.example'))])
    t.strictSame(fine, ['a.example', 'b.example'])
  }
})

await t.test('a thread that hangs is replaced once an order in it was given up', async (t) => {
  const engine = await openGreenlock({ threadFile: thread('scripted'), noticeMs: 50 })
  t.teardown(() => engine.close())
  const given = new AbortController()
  const hanging = engine.order(orderOf('hang.example', given.signal))
  const behind = engine.order(orderOf('behind.example'))
  given.abort(new Error('enough'))
  await t.rejects(hanging, { message: 'enough' })
  await t.rejects(behind, { code: 'EDGE_ERR_ACME_ENGINE_LOST' })
  t.equal(await engine.order(orderOf('a.example')), 'a.example')
})

await t.test('another version of greenlock is refused, with the seam that is missing', async (t) => {
  await t.rejects(openGreenlock({ threadFile: thread('other-version') }), {
    code: 'EDGE_ERR_ACME_ENGINE_UNFIT',
    message: /greenlock has no _setChallenges/,
  })
})

await t.test(
  'no connection, no look-up, no timer, no process, and no file but one in a folder that goes',
  async (t) => {
    const folders = async (): Promise<string[]> =>
      (await readdir(tmpdir())).filter((name) => name.startsWith('blot-edge-greenlock-'))
    const before = await folders()
    const tokens = memoryTokens()
    const pebble = await startPebble(t, { folder: temporaryDirectory(t), httpPort: await answerChallenges(t, tokens) })
    const engine = await openGreenlock({ threadFile: thread('watched') })
    const own = (await folders()).find((name) => !before.includes(name))
    const issuer = openTestIssuer(t, engine, pebble, { tokens })
    await obtain(issuer, ['www.example.com'])

    const seen = await tellSeen()
    t.strictSame(seen, [`writeFileSync ${join(tmpdir(), own ?? '?', '.greenlockrc')}`])
    await issuer.close?.()
    await pollUntil(async () => !(await folders()).includes(own ?? '?'))
  },
)
