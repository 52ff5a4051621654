import { randomBytes } from 'node:crypto'
import type { SecureContext } from 'node:tls'
import type { TicketKey } from './contracts.ts'

/** Session tickets of one process: they carry a session to whichever worker of whichever machine the visitor comes to next. */
export type Tickets = {
  /** From now on, these keys. @param keys newest first; none leaves what there is. */
  use(keys: readonly TicketKey[]): void
  /** Has a connection that begins with this context give and take tickets under the keys of now. Costs one look-up. */
  attach(context: SecureContext): void
}

/** 16 bytes each, as Node and NGINX divide them: the name that a ticket bears openly, and its two keys. */
type Opened = { readonly name: Buffer; readonly hmac: Buffer; readonly aes: Buffer }
/** The answer to OpenSSL (SSL_CTX_set_tlsext_ticket_key_cb): a verdict, the keys, and to encrypt a name and an IV too. */
type Answer = [verdict: number, hmac: Buffer, aes: Buffer, name?: Buffer, iv?: Buffer]

const SECRET_BYTES = 48
const PART_BYTES = 16
const UNKNOWN = 0
const GOOD = 1
const GOOD_AND_RENEW = 2

/** Begins with a key of its own, which no other process knows. */
export function createTickets(): Tickets {
  let keys: readonly [Opened, ...Opened[]] = [open(randomBytes(SECRET_BYTES))]
  const attached = new WeakMap<SecureContext, typeof keys>()

  /** Called by OpenSSL in the middle of a handshake: what it throws would end the process. */
  function answer(name: Buffer, _iv: Buffer, encrypts: boolean): Answer {
    const [newest] = keys
    if (encrypts) return [GOOD, newest.hmac, newest.aes, newest.name, randomBytes(PART_BYTES)]
    const key = keys.find((candidate) => candidate.name.equals(name))
    if (key === undefined) return [UNKNOWN, newest.hmac, newest.aes]
    // Browsers use a ticket once (RFC 8446 C.4). A new one under the newest key alone: no session is carried on from key
    // to key, and each ends in time with a look at the certificate.
    return [key === newest ? GOOD_AND_RENEW : GOOD, key.hmac, key.aes]
  }

  return {
    use(given) {
      const [first, ...others] = given.map(({ secret }) => open(Buffer.from(secret, 'base64')))
      if (first !== undefined) keys = [first, ...others]
    },
    attach(context) {
      if (attached.get(context) === keys) return
      attached.set(context, keys)
      const native: NativeContext = context.context
      if (typeof native.enableTicketKeyCallback === 'function') {
        native.onticketkeycallback = answer
        native.enableTicketKeyCallback()
      } else {
        // Without the callback, which Node does not document: the newest key alone, and no ticket is renewed.
        const [{ name, hmac, aes }] = keys
        native.setTicketKeys?.(Buffer.concat([name, hmac, aes]))
      }
    },
  }
}

type NativeContext = {
  enableTicketKeyCallback?: () => void
  onticketkeycallback?: (name: Buffer, iv: Buffer, encrypts: boolean) => Answer
  setTicketKeys?: (keys: Buffer) => void
}

function open(secret: Buffer): Opened {
  const part = (index: number): Buffer => secret.subarray(index * PART_BYTES, (index + 1) * PART_BYTES)
  return { name: part(0), hmac: part(1), aes: part(2) }
}

/** A key as it is kept. */
export function makeTicketKey(createdAtMs: number): TicketKey {
  return { secret: randomBytes(SECRET_BYTES).toString('base64'), createdAtMs }
}

/** Does it have the length that OpenSSL demands? */
export function isTicketKey({ secret }: TicketKey): boolean {
  return Buffer.from(secret, 'base64').length === SECRET_BYTES
}
