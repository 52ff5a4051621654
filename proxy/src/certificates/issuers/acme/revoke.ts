import { X509Certificate } from 'node:crypto'
import { AcmeProblem } from '../../../errors.ts'
import { signingKey } from './jws.ts'
import type { IssuedWithKey } from '../../contracts.ts'
import type { AccountHolder } from './account.ts'
import type { AcmeSession } from './session.ts'

/**
 * RFC 8555 7.6. By the account first: a CA may take the certificate's own key for proof that it is in wrong hands, whatever
 * the reason given. By that key where the account did not order the certificate, as with imported ones.
 */
export async function revoke(
  { session, account }: { readonly session: AcmeSession; readonly account: AccountHolder },
  { chainPem, privateKeyPem }: IssuedWithKey,
  reason: number,
  signal: AbortSignal,
): Promise<void> {
  const { revokeCert } = await session.directory(signal)
  if (revokeCert === undefined) {
    throw new AcmeProblem({ kind: 'malformed', status: 0, detail: 'this CA revokes nothing over ACME' })
  }
  const payload = { certificate: new X509Certificate(chainPem).raw.toString('base64url'), reason }
  try {
    await session.post(await account.open(signal), revokeCert, payload, signal)
  } catch (error) {
    if (!(error instanceof AcmeProblem)) throw error
    const { kind } = error.problem
    if (kind === 'alreadyRevoked') return
    if (kind !== 'unauthorized') throw error
    await session.post(signingKey(privateKeyPem), revokeCert, payload, signal)
  }
}
