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
  /** Is it in the clear, or under the former key, and to be written anew? */
  readonly isOutdated: boolean
}

export type SealerOptions = {
  /** 32 bytes, base64. Undefined: nothing is sealed. */
  readonly key?: string | undefined
  /** Opens what was sealed before. */
  readonly formerKey?: string | undefined
  /** For who changes nothing: then no text is outdated. */
  readonly readOnly?: boolean
}

const CIPHER = 'aes-256-gcm'
/** NIST SP 800-38D 8.3: random nonces of 96 bits are good for 2^32 records under one key. */
const NONCE_BYTES = 12
const TAG_BYTES = 16
const SEALED = /^sealed:v1:([0-9a-f]{8}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})$/

/** Seals into `sealed:v1:<key id>:<nonce>:<ciphertext and tag>`, the last two in base64url. */
export function createSealer({ key, formerKey, readOnly = false }: SealerOptions = {}): Sealer {
  const current = key === undefined ? undefined : readKey(key)
  const former = formerKey === undefined ? undefined : readKey(formerKey)
  const isOutdated = (id: string | undefined): boolean => !readOnly && id !== current?.id
  return {
    seal(plain, label) {
      if (current === undefined) return plain
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, current.secret, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(label))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `sealed:v1:${current.id}:${nonce.toString('base64url')}:${body.toString('base64url')}`
    },
    open(text, label) {
      if (!text.startsWith('sealed:')) return { plain: text, isOutdated: isOutdated(undefined) }
      const [, id, nonce = '', body = ''] = SEALED.exec(text) ?? []
      if (id === undefined) return { plain: undefined, isOutdated: false }
      const found = [current, former].find((candidate) => candidate?.id === id)
      if (found === undefined) throw new StoreKeyUnknown(label, id)
      const plain = decipher(found.secret, Buffer.from(nonce, 'base64url'), Buffer.from(body, 'base64url'), label)
      return { plain, isOutdated: plain !== undefined && isOutdated(id) }
    },
  }
}

/** The id names a key and tells nothing of it. */
function readKey(text: string): { id: string; secret: Buffer } {
  const secret = Buffer.from(text, 'base64')
  const id = createHash('sha256').update('blot-edge store key\0').update(secret).digest('hex').slice(0, 8)
  return { id, secret }
}

function decipher(secret: Buffer, nonce: Buffer, body: Buffer, label: string): string | undefined {
  const opening = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_BYTES })
  opening.setAAD(Buffer.from(label)).setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return opening.update(body.subarray(0, -TAG_BYTES), undefined, 'utf8') + opening.final('utf8')
  } catch {
    return undefined
  }
}
