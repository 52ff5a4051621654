import { AcmeProblem } from '../../../errors.ts'
import { signJws } from './jws.ts'
import { parseObject, problemOfAnswer, retryAfterOf } from './problem.ts'
import { invalidAnswer } from './transport.ts'
import type { SigningKey } from './jws.ts'
import type { RawAnswer, Transport } from './transport.ts'

/** RFC 8555 7.1.1, as far as it is used here. */
export type Directory = {
  readonly newNonce: string
  readonly newAccount: string
  readonly newOrder: string
  readonly revokeCert: string | undefined
  /** RFC 9773 4.1; undefined when the CA does not say when it would have certificates renewed. */
  readonly renewalInfo: string | undefined
  readonly termsOfService: string | undefined
}

export type AcmeAnswer = {
  readonly status: number
  readonly location: string | undefined
  readonly retryAfterMs: number | undefined
  /** A JSON object, or PEM text. */
  readonly body: Readonly<Record<string, unknown>> | string
}

/** Who signs: an account by its URL, or a key that stands for itself (RFC 8555 6.2). */
export type Signer = SigningKey & { readonly accountUrl?: string | undefined }

/** Signed requests to one CA. Everything rejects with AcmeProblem only. */
export type AcmeSession = {
  directory(signal: AbortSignal): Promise<Directory>
  /** @param payload undefined: POST-as-GET. */
  post(signer: Signer, url: string, payload: object | undefined, signal: AbortSignal): Promise<AcmeAnswer>
  get(url: string, signal: AbortSignal): Promise<AcmeAnswer>
}

const DIRECTORY_MS = 3600_000
/** CAs forget nonces; Let's Encrypt keeps them for some minutes. */
const NONCE_MS = 60_000
const MAX_NONCES = 50
/** pebble refuses 5 % on purpose, and CAs of several machines more than that. */
const MAX_NONCE_RETRIES = 8

export function createSession(
  transport: Transport,
  directoryUrl: string,
  monotonic = () => performance.now(),
): AcmeSession {
  const nonces: { readonly value: string; readonly atMs: number }[] = []
  let known: { readonly directory: Directory; readonly atMs: number } | undefined

  function read(answer: RawAnswer): AcmeAnswer {
    if (answer.status >= 400) throw problemOfAnswer(answer, Date.now())
    return {
      status: answer.status,
      location: answer.headers.location,
      retryAfterMs: retryAfterOf(answer.headers, Date.now()),
      body: bodyOf(answer),
    }
  }

  async function get(url: string, signal: AbortSignal): Promise<AcmeAnswer> {
    return read(await transport.send('GET', url, undefined, signal))
  }

  async function directory(signal: AbortSignal): Promise<Directory> {
    if (known !== undefined && monotonic() - known.atMs < DIRECTORY_MS) return known.directory
    known = { directory: parseDirectory((await get(directoryUrl, signal)).body), atMs: monotonic() }
    return known.directory
  }

  async function takeNonce(signal: AbortSignal): Promise<string> {
    for (let kept = nonces.pop(); kept !== undefined; kept = nonces.pop()) {
      if (monotonic() - kept.atMs < NONCE_MS) return kept.value
    }
    const { newNonce } = await directory(signal)
    const answer = await transport.send('HEAD', newNonce, undefined, signal)
    const nonce = nonceOf(answer)
    if (nonce !== undefined) return nonce
    if (answer.status >= 400) throw problemOfAnswer(answer, Date.now())
    throw invalidAnswer('it gave no nonce when asked for one', answer.status)
  }

  async function post(
    signer: Signer,
    url: string,
    payload: object | undefined,
    signal: AbortSignal,
  ): Promise<AcmeAnswer> {
    const identity = signer.accountUrl === undefined ? { jwk: signer.jwk } : { kid: signer.accountUrl }
    for (let retries = 0; ; retries += 1) {
      const nonce = await takeNonce(signal)
      const body = JSON.stringify(await signJws(signer, { ...identity, nonce, url }, payload))
      const answer = await transport.send('POST', url, body, signal)
      const fresh = nonceOf(answer)
      if (fresh !== undefined && nonces.length < MAX_NONCES) nonces.push({ value: fresh, atMs: monotonic() })
      try {
        return read(answer)
      } catch (error) {
        const isRefusedNonce = error instanceof AcmeProblem && error.problem.kind === 'badNonce'
        if (!isRefusedNonce || retries >= MAX_NONCE_RETRIES) throw error
      }
    }
  }

  return { directory, post, get }
}

/** RFC 8555 6.5.1. */
function nonceOf({ headers }: RawAnswer): string | undefined {
  const nonce = headers['replay-nonce']
  return typeof nonce === 'string' && /^[\w-]{1,512}$/.test(nonce) ? nonce : undefined
}

function bodyOf({ status, headers, text }: RawAnswer): AcmeAnswer['body'] {
  if (headers['content-type']?.startsWith('application/pem-certificate-chain')) return text
  const object = text === '' ? {} : parseObject(text)
  if (object === undefined) throw invalidAnswer('it is neither JSON nor a certificate', status)
  return object
}

function parseDirectory(body: AcmeAnswer['body']): Directory {
  if (typeof body === 'string') throw invalidAnswer('its directory is no JSON')
  const optional = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const required = (name: string): string => {
    const url = optional(body[name])
    if (url === undefined) throw invalidAnswer(`its directory has no ${name}`)
    return url
  }
  return {
    newNonce: required('newNonce'),
    newAccount: required('newAccount'),
    newOrder: required('newOrder'),
    revokeCert: optional(body['revokeCert']),
    renewalInfo: optional(body['renewalInfo']),
    termsOfService: optional((body['meta'] as { termsOfService?: unknown } | undefined)?.termsOfService),
  }
}
