import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { StoreKeyUnknown } from '../errors.ts'

/** Encryption at rest, for the secrets in a store: private keys of certificates and accounts, keys of session tickets. */
export type Sealer = {
  /** @param label says what it is, as `certificate:example.com`: a record copied to another place does not open there. */
  seal(plain: string, label: string): string
  /** What was never sealed is given back as it is. Throws EDGE_ERR_STORE_KEY_UNKNOWN. */
  open(text: string, label: string): Opened
}

export type Opened = {
  /** Undefined for text that was damaged, or sealed for another place. */
  readonly plain: string | undefined
  /** False for text that `seal` would write differently today: plain, or under a former key. */
  readonly isCurrent: boolean
}

const CIPHER = 'aes-256-gcm'
/** NIST SP 800-38D 8.2.2: random nonces of 96 bits, good for 2^32 records a key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SEALED = /^sealed:v1:([0-9a-f]{8}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})$/

/**
 * `sealed:v1:<key id>:<nonce>:<ciphertext and tag>`, the last two in base64url.
 * @param keys 32 bytes each, base64: the first one seals, all of them open. Without any, nothing is sealed.
 */
export function createSealer(keys: readonly string[]): Sealer {
  const [current, ...former] = keys.map((text) => {
    const key = Buffer.from(text, 'base64')
    return { id: keyId(key), key }
  })
  const known = new Map([current, ...former].map((entry) => [entry?.id, entry?.key]))
  return {
    seal(plain, label) {
      if (current === undefined) return plain
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, current.key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(label))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `sealed:v1:${current.id}:${nonce.toString('base64url')}:${body.toString('base64url')}`
    },
    open(text, label) {
      const [, id, nonce = '', body = ''] = SEALED.exec(text) ?? []
      if (id === undefined) {
        return { plain: text.startsWith('sealed:') ? undefined : text, isCurrent: current === undefined }
      }
      const key = known.get(id)
      if (key === undefined) throw new StoreKeyUnknown(label, id)
      return { plain: decipher(key, nonce, Buffer.from(body, 'base64url'), label), isCurrent: id === current?.id }
    },
  }
}

/** Names a key without telling anything of it. */
export function keyId(key: Buffer): string {
  return createHash('sha256').update('blot-edge store key\0').update(key).digest('hex').slice(0, 8)
}

function decipher(key: Buffer, nonce: string, body: Buffer, label: string): string | undefined {
  const opening = createDecipheriv(CIPHER, key, Buffer.from(nonce, 'base64url'), { authTagLength: TAG_BYTES })
  opening.setAAD(Buffer.from(label)).setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return opening.update(body.subarray(0, -TAG_BYTES), undefined, 'utf8') + opening.final('utf8')
  } catch {
    return undefined
  }
}
