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
  /**
   * Rejects with EDGE_ERR_CERTIFICATE_INVALID for what `read` would not give back.
   * @param fence of the lock under the certificate's name: rejects with EDGE_ERR_STORE_FENCED when that passed on since.
   */
  write(certificate: StoredCertificate, fence?: number): Promise<void>
  remove(name: string): Promise<void>
  names(): AsyncIterable<string>
  close(): Promise<void>
}

/** What a handshake needs of a vault. */
export type VaultReader = Pick<Vault, 'read'>

/** What a CA is asked for. */
export type Order = {
  readonly names: readonly string[]
  readonly privateKeyPem: string
  /** Identifier of the certificate that this one takes the place of (RFC 9773 4.1), told to the CA (5). */
  readonly replaces?: string | undefined
  readonly signal: AbortSignal
}

/** A CA. It is told what to issue; whether it may is decided before. Those of ACME reject with AcmeProblem, or with the store's error. */
export type Issuer = {
  readonly id: string
  issue(order: Order): Promise<IssuedCertificate>
  /** RFC 8555 7.6, with one of the reason codes of RFC 5280 5.3.1. Undefined where nobody would learn of it. */
  readonly revoke?: (certificate: IssuedWithKey, reason: number, signal: AbortSignal) => Promise<void>
  /** When the CA would have this certificate renewed (RFC 9773). Resolves with undefined when the CA does not say. */
  readonly renewalInfo?: (chainPem: string, signal: AbortSignal) => Promise<RenewalInfo | undefined>
  readonly close?: () => Promise<void>
}

export type IssuedCertificate = {
  /** The leaf alone. */
  readonly certificatePem: string
  /** The intermediates, in order, without the root; may be empty. */
  readonly chainPem: string
}

export type IssuedWithKey = Pick<StoredCertificate, 'chainPem' | 'privateKeyPem'>

/** RFC 9773 4.2. */
export type RenewalInfo = {
  readonly startMs: number
  readonly endMs: number
  readonly explanationUrl: string | undefined
  /** From now until it should be asked for again (4.3.2). */
  readonly retryAfterMs: number
}

/** The answers of HTTP-01 (RFC 8555 8.3): whichever worker of whichever machine is asked, knows them. */
export type ChallengeTokens = {
  put(token: string, keyAuthorization: string, ttlMs: number): Promise<void>
  read(token: string): Promise<string | undefined>
  remove(token: string): Promise<void>
}

/** Accounts at CAs, one for each directory URL and mail address, shared by all machines; their keys are secrets like any other. */
export type AcmeAccounts = {
  read(id: AcmeAccountId): Promise<AcmeAccount | undefined>
  /** Two machines may register at once: @returns the account that counts, which is that of the first. */
  keepFirst(account: AcmeAccount): Promise<AcmeAccount>
}
export type AcmeAccountId = { readonly directoryUrl: string; readonly email: string }
/** `url`: RFC 8555 7.3, the key id of later requests. */
export type AcmeAccount = AcmeAccountId & { readonly url: string; readonly privateKeyPem: string }

/** May this name have a certificate? Rejects when nobody could say: the caller then fails closed. */
export type Permission = {
  ask(name: string, signal: AbortSignal): Promise<boolean>
}

/** One holder at a time among all processes and machines that share the store. */
export type Locker = {
  /** Waits for its turn. Rejects when `signal` aborts. */
  acquire(name: string, signal: AbortSignal): Promise<Lock>
}

export type Lock = {
  /**
   * Greater than that of every earlier holder, to be given to `Vault.write`. Undefined on files: the kernel's lock cannot
   * pass on while its holder lives.
   */
  readonly fence: number | undefined
  /** Aborts with EDGE_ERR_STORE_FENCED when the lock passed on, or may have: its heartbeat failed for as long as it lasts. */
  readonly lost: AbortSignal
  release(): Promise<void>
}

/** What CAs allow in a time, counted for all machines together (sliding windows). */
export type Budgets = {
  /** Takes one from each, or none at all when one of them is used up or closed. @returns the one that stands in the way. */
  take(charges: readonly Charge[]): Promise<Exhausted | undefined>
  /** Gives the latest of each back: the order came to nothing, and the CA counts certificates only. */
  giveBack(charges: readonly Charge[]): Promise<void>
  /** A CA said when it will listen again (`Retry-After`): nobody takes from this scope until then. */
  shut(scope: string, untilMs: number, reason: string): Promise<void>
  /** What `take` would say, nothing taken. */
  look(charges: readonly Charge[]): Promise<Exhausted | undefined>
}
/** `scope` such as `orders:<account>`, `domain:<registered domain>`, `set:<names>`, `failures:<name>`. */
export type Charge = { readonly scope: string; readonly limit: number; readonly windowMs: number }
export type Exhausted = { readonly scope: string; readonly untilMs: number; readonly reason: string }

/** Names that failed, for all machines: who asks again before `nextTryAtMs` is answered at once. */
export type Failures = {
  read(name: string): Promise<Failure | undefined>
  write(name: string, failure: Failure): Promise<void>
  remove(name: string): Promise<void>
  list(): AsyncIterable<{ readonly name: string; readonly failure: Failure }>
}
export type Failure = {
  readonly count: number
  readonly atMs: number
  readonly nextTryAtMs: number
  readonly code: string
  /** The kind of an AcmeProblem: `caa`, `dns`, `rateLimited`. */
  readonly kind: string | undefined
  /** The CA's own words. */
  readonly detail: string
}

/** When which certificate is to be renewed: independent of visits, and of who obtained it. */
export type Schedule = {
  set(name: string, dueAtMs: number): Promise<void>
  remove(name: string): Promise<void>
  /** Names whose time has come, the earliest first. */
  due(nowMs: number, limit: number): Promise<readonly string[]>
  /** @returns undefined for a name that it does not have. */
  dueAtMs(name: string): Promise<number | undefined>
  size(): Promise<number>
}

/** Keys of TLS session tickets, newest first: the first one encrypts, the others still decrypt. */
export type TicketKeys = {
  read(): Promise<readonly TicketKey[]>
  /** Replaces what is there if that is still `before`. @returns what is there then. */
  replace(before: readonly TicketKey[], after: readonly TicketKey[]): Promise<readonly TicketKey[]>
}
/** `secret`: 48 bytes, base64. */
export type TicketKey = { readonly secret: string; readonly createdAtMs: number }

/** Tells every machine that something in the store changed. A machine that was away asks anew. */
export type Changes = {
  publish(change: Change): Promise<void>
  /** @returns a function that ends it. `{ kind: 'all' }` is heard after a gap. */
  subscribe(listener: (change: Change | { readonly kind: 'all' }) => void): () => void
}
/** `permission`: the name was added to, or removed from, the app's allow-list. */
export type Change =
  { readonly kind: 'certificate' | 'permission'; readonly name: string } | { readonly kind: 'tickets' }

/** What the store keeps for certificates, beside the vault. */
export type CertificateStore = {
  readonly vault: Vault
  readonly locker: Locker
  readonly tokens: ChallengeTokens
  readonly accounts: AcmeAccounts
  readonly budgets: Budgets
  readonly failures: Failures
  readonly schedule: Schedule
  readonly tickets: TicketKeys
  readonly changes: Changes
}

/** What an operator, or the app, asks of a running edge: the admin API and the commands rest on it. */
export type CertificateOperations = {
  list(): AsyncIterable<CertificateStatus>
  /** Also of a name that has no certificate: then it says why. Rejects with EDGE_ERR_CERTIFICATE_NAME_INVALID. */
  show(name: string): Promise<CertificateStatus>
  /**
   * Has a certificate obtained if none is there, or that one is due, after those that visitors wait for; `renew` also when it
   * is not, or failed lately, and at once.
   * Rejects as `Obtainer.obtain` does.
   */
  issue(name: string, options: { readonly renew: boolean }): Promise<CertificateStatus>
  /** All, or those that one issuer issued, at a pace; told one by one as they end. A closed iteration stops it. */
  renewAll(options: { readonly issuer?: string; readonly perMinute: number }): AsyncIterable<RenewalStep>
  /** Revoked at the CA, removed here; obtained anew at the next visit. */
  revoke(name: string, reason: number): Promise<void>
  remove(name: string): Promise<void>
}

export type CertificateStatus = {
  readonly name: string
  readonly state: 'active' | 'expired' | 'issuing' | 'waiting' | 'blocked' | 'limited' | 'denied' | 'absent'
  /** For a customer's support: `active until 2027-02-21`, `blocked by CAA: add …`. */
  readonly words: string
  readonly issuer: string | undefined
  /** Serial number of the leaf, hexadecimal. */
  readonly serial: string | undefined
  readonly names: readonly string[]
  readonly keyType: string | undefined
  readonly notBeforeMs: number | undefined
  readonly notAfterMs: number | undefined
  readonly renewAtMs: number | undefined
  readonly failure: Failure | undefined
}

export type RenewalStep = {
  readonly name: string
  readonly outcome: 'renewed' | 'denied' | 'failed'
  readonly reason: string | undefined
  readonly done: number
  readonly total: number
}
