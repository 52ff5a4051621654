import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

/** Public half of a key as a JSON Web Key, with the members that RFC 7638 3.2 demands and in its order. */
export type PublicJwk = Readonly<Record<string, string>>
export type SigningKey = { readonly key: KeyObject; readonly jwk: PublicJwk }

/** RFC 7515 7.2.2, the flattened form. */
export type Jws = { readonly protected: string; readonly payload: string; readonly signature: string }

const signAsync = promisify(sign)

/** Any key that a CA may know: P-256 and P-384 of our own making, RSA of imported certificates. Throws for others. */
export function signingKey(privateKeyPem: string): SigningKey {
  const key = createPrivateKey(privateKeyPem)
  const { kty = '', crv = '', x = '', y = '', e = '', n = '' } = createPublicKey(key).export({ format: 'jwk' })
  return { key, jwk: kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y } }
}

/** @param header `jwk` or `kid`, and the URL with its nonce (RFC 8555 6.2). @param payload undefined: POST-as-GET (6.3). */
export async function signJws(signer: SigningKey, header: object, payload: object | undefined): Promise<Jws> {
  const { alg, hash } = algorithmOf(signer.jwk)
  const parts = { protected: encode({ alg, ...header }), payload: payload === undefined ? '' : encode(payload) }
  const input = Buffer.from(`${parts.protected}.${parts.payload}`)
  const signature = await signAsync(hash, input, { key: signer.key, dsaEncoding: 'ieee-p1363' })
  return { ...parts, signature: signature.toString('base64url') }
}

/** RFC 8555 7.3.4: the account's public key, under a key that the CA gave out beforehand. */
export function bindExternally(jwk: PublicJwk, eab: { keyId: string; hmac: string }, url: string): Jws {
  const parts = { protected: encode({ alg: 'HS256', kid: eab.keyId, url }), payload: encode(jwk) }
  const signature = createHmac('sha256', Buffer.from(eab.hmac, 'base64url'))
    .update(`${parts.protected}.${parts.payload}`)
    .digest('base64url')
  return { ...parts, signature }
}

/** RFC 8555 8.1, with the thumbprint of RFC 7638. */
export function keyAuthorization(token: string, jwk: PublicJwk): string {
  return `${token}.${createHash('sha256').update(JSON.stringify(jwk)).digest('base64url')}`
}

function algorithmOf({ kty, crv }: PublicJwk): { alg: string; hash: string } {
  if (kty === 'RSA') return { alg: 'RS256', hash: 'sha256' }
  if (crv === 'P-384') return { alg: 'ES384', hash: 'sha384' }
  if (crv === 'P-256') return { alg: 'ES256', hash: 'sha256' }
  throw new TypeError(`a key of the kind ${kty} ${crv} signs no ACME request`)
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
