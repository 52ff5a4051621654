import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { certificateFromPem, parseChain, verifyIssued } from '../../../src/certificates/verify.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { startPebble } from '../pebble.ts'
import { ENGINES, answerChallenges, memoryTokens, obtain, openTestIssuer } from './acme.ts'

for (const [id, openEngine] of Object.entries(ENGINES)) {
  await t.test(id, async (t) => {
    const tokens = memoryTokens()
    const httpPort = await answerChallenges(t, tokens)
    const pebble = await startPebble(t, { folder: temporaryDirectory(t), httpPort, refusedNonces: 30 })

    await t.test('obtains a certificate by HTTP-01, also of a CA that refuses nonces', async (t) => {
      const issuer = openTestIssuer(t, await openEngine(), pebble, { tokens })
      const issued = await obtain(issuer, ['www.example.com'])
      const certificate = certificateFromPem({ name: 'www.example.com', issuer: issuer.id, ...issued })
      verifyIssued(certificate, Date.now())
      const chain = parseChain('www.example.com', certificate.chainPem)
      t.equal(chain.length, 2, 'the leaf and its intermediate')
      t.ok(chain.at(-1)?.verify(new X509Certificate(pebble.rootPem).publicKey), 'up to the root')
      t.equal(issuer.tokens.most, 1, 'the answer was given')
      t.equal(issuer.tokens.held.size, 0, 'and taken back')
    })
  })
}
