/** A certificate with its key, as a vault holds it. */
export type StoredCertificate = {
  /** The normalised name it was obtained for; `*.example.com` for a wildcard. */
  readonly name: string
  /** Leaf first, then the intermediates, PEM. */
  readonly chainPem: string
  readonly privateKeyPem: string
  /** End of validity of the leaf, ms since the epoch. */
  readonly notAfterMs: number
  readonly notBeforeMs: number
  /** Who issued it: an `Issuer.id`, or undefined when another program wrote it. */
  readonly issuer: string | undefined
}

/**
 * Where certificates are kept. A value is replaced atomically: a reader sees the old one or the new one whole.
 * Every method rejects with EDGE_ERR_STORE_UNAVAILABLE when the store does not answer in time.
 */
export type Vault = {
  /** @returns undefined when there is none. Rejects with EDGE_ERR_CERTIFICATE_INVALID for one that must not be served. */
  read(name: string): Promise<StoredCertificate | undefined>
  /** Rejects with EDGE_ERR_CERTIFICATE_INVALID for what `read` would not give back. */
  write(certificate: StoredCertificate): Promise<void>
  remove(name: string): Promise<void>
  names(): AsyncIterable<string>
  close(): Promise<void>
}

/** What a handshake needs of a vault. */
export type VaultReader = Pick<Vault, 'read'>

/** A CA. It is told what to issue; whether it may is decided before. */
export type Issuer = {
  readonly id: string
  issue(order: { names: readonly string[]; privateKeyPem: string; signal: AbortSignal }): Promise<IssuedCertificate>
}

export type IssuedCertificate = {
  /** The leaf alone. */
  readonly certificatePem: string
  /** The intermediates, in order, without the root; may be empty. */
  readonly chainPem: string
}

/** May this name have a certificate? Rejects when nobody could say: the caller then fails closed. */
export type Permission = {
  ask(name: string, signal: AbortSignal): Promise<boolean>
}

/** One holder at a time among all processes and machines that share the store. */
export type Locker = {
  /** Waits for its turn. @returns a function that lets go. Rejects when `signal` aborts. */
  acquire(name: string, signal: AbortSignal): Promise<() => Promise<void>>
}
