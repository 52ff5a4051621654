import createError from '@fastify/error'

/** Every error of the edge, with its code, its sentence and, where a visitor may meet it, its status. */

/** One thing wrong with the configuration. `value` is fit to be shown: secrets are masked. */
export type ConfigFault = { readonly variable: string; readonly value: string; readonly message: string }

/** Holds all faults of a configuration, not the first one. */
export class ConfigInvalid extends createError<[string]>('EDGE_ERR_CONFIG_INVALID', '%s') {
  readonly faults: readonly ConfigFault[]
  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ variable, value, message }) => [variable, value, message].filter(Boolean).join(' ')).join('; '))
    this.faults = faults
  }
}

export const UsageInvalid = createError<[string]>('EDGE_ERR_USAGE_INVALID', '%s')
export const AdminUnavailable = createError('EDGE_ERR_ADMIN_UNAVAILABLE', 'no answer from an edge at %s: %s')
/** An edge that was asked says no; the text is its own. */
export const AdminRefused = createError<[string]>('EDGE_ERR_ADMIN_REFUSED', '%s')
export const CertificateAbsent = createError<[string]>('EDGE_ERR_CERTIFICATE_ABSENT', 'there is no certificate for %s')
export const EdgeAbsent = createError<[string]>(
  'EDGE_ERR_EDGE_ABSENT',
  'no edge is running here, and %s needs one: start it, or name its EDGE_ADMIN',
)
export const PortInUse = createError('EDGE_ERR_PORT_IN_USE', '%s')
export const PortForbidden = createError('EDGE_ERR_PORT_FORBIDDEN', '%s')
export const AdminListenFailed = createError(
  'EDGE_ERR_ADMIN_LISTEN_FAILED',
  'the admin API cannot listen on %s (EDGE_ADMIN): %s',
)
export const AddressUnavailable = createError('EDGE_ERR_ADDRESS_UNAVAILABLE', '%s')
export const AddressTaken = createError(
  'EDGE_ERR_ADDRESS_TAKEN',
  '%s cannot be bound while this edge listens on %s at the same port: restart it to change the address',
)
export const ReleaseUnusable = createError('EDGE_ERR_RELEASE_UNUSABLE', 'the release %s cannot be started: %s')
export const SuccessorLost = createError('EDGE_ERR_SUCCESSOR_LOST', 'the primary that was to take over ended with %s')
/** What a reload cannot change. */
export const ReloadRefused = createError<[string]>('EDGE_ERR_RELOAD_REFUSED', '%s', 409)
/** A socket that was handed over by whoever started this process. */
export const SocketUnfit = createError('EDGE_ERR_SOCKET_UNFIT', '%s %s')
export const UserUnknown = createError('EDGE_ERR_USER_UNKNOWN', '%s')
export const PidFileUnwritable = createError(
  'EDGE_ERR_PID_FILE_UNWRITABLE',
  '%s (EDGE_PID_FILE) cannot be written: name another file, or start as a user who may write it',
)
export const ChannelClosed = createError('EDGE_ERR_CHANNEL_CLOSED', 'no answer from the %s: it is away')
/** A process of another release was asked what it has never heard of. */
export const CallUnknown = createError('EDGE_ERR_CALL_UNKNOWN', 'the %s does not know the call %s')
export const MessagesForeign = createError(
  'EDGE_ERR_MESSAGES_FOREIGN',
  'the processes of this release speak version %s of the messages between processes, and the primary version %s: ' +
    'a reload cannot start them, "blot-edge upgrade" can',
)
export const ChildSilent = createError('EDGE_ERR_CHILD_SILENT', '%s was not ready within %s s')
export const ProbeFailed = createError('EDGE_ERR_PROBE_FAILED', 'the %s did not answer a request: %s')
export const ChannelTimeout = createError('EDGE_ERR_CHANNEL_TIMEOUT', 'no answer from the %s to %s within %s ms')

export const HostInvalid = createError('EDGE_ERR_HOST_INVALID', 'invalid host', 400)
export const UpstreamUnavailable = createError('EDGE_ERR_UPSTREAM_UNAVAILABLE', 'no upstream answered', 502)
/** Beneath an UpstreamUnavailable: what came is no answer by the letter of RFC 9112. */
export const AnswerInvalid = createError<[string]>('EDGE_ERR_UPSTREAM_ANSWER_INVALID', 'malformed answer: %s', 502)
export const UpstreamTimeout = createError('EDGE_ERR_UPSTREAM_TIMEOUT', 'the upstream did not answer in time', 504)
export const UpstreamRefused = createError('EDGE_ERR_UPSTREAM_REFUSED', 'the upstream cannot be reached', 502)
export const UpstreamAway = createError('EDGE_ERR_UPSTREAM_AWAY', 'there is no upstream that can be asked', 502)
export const UpstreamBusy = createError(
  'EDGE_ERR_UPSTREAM_BUSY',
  'every upstream has all the requests it may have',
  503,
)
export const UpgradeInvalid = createError(
  'EDGE_ERR_UPSTREAM_UPGRADE_INVALID',
  'the upstream did not switch as the protocol says',
  502,
)
export const RequestInvalid = createError('EDGE_ERR_REQUEST_INVALID', 'the request cannot be forwarded', 400)
export const WebhooksFull = createError(
  'EDGE_ERR_WEBHOOKS_FULL',
  'as many webhooks wait for the app as may: deliver or drop some first',
  503,
)
export const WebhookUnsigned = createError('EDGE_ERR_WEBHOOK_UNSIGNED', 'the signature is not that of the body', 403)
export const WebhookDamaged = createError('EDGE_ERR_WEBHOOK_DAMAGED', 'what is kept of the webhook %s cannot be read')
export const WebhookUnknown = createError<[string]>('EDGE_ERR_WEBHOOK_UNKNOWN', 'there is no webhook %s', 404)
export const WebhookRequestInvalid = createError<[string]>('EDGE_ERR_WEBHOOK_REQUEST_INVALID', '%s', 400)
export const WebhookUnkept = createError(
  'EDGE_ERR_WEBHOOK_UNKEPT',
  'the app is away, and the webhook could not be kept for it (%s)',
  503,
)
/** The app is not asked: the operator said so. */
export class InMaintenance extends createError('EDGE_ERR_MAINTENANCE', 'the site is in maintenance', 503) {
  readonly retryAfterS: number
  /** For visitors, in place of the page's own sentence. */
  readonly words: string | undefined
  constructor({ retryAfterS, message }: { retryAfterS: number; message: string | undefined }) {
    super()
    this.retryAfterS = retryAfterS
    this.words = message
  }
}
export const BodyTooLarge = createError('EDGE_ERR_BODY_TOO_LARGE', 'the request body exceeds %s bytes', 413)
export const BodyStalled = createError('EDGE_ERR_BODY_STALLED', 'the request body did not go on in time', 408)
export const VisitorLeft = createError('EDGE_ERR_VISITOR_LEFT', 'the visitor left before the answer was complete')
export const VisitorStalled = createError('EDGE_ERR_VISITOR_STALLED', 'the visitor did not read the answer in time')
export const CacheMiss = createError(
  'EDGE_ERR_CACHE_MISS',
  'only a stored answer was asked for, and there is none',
  504,
)
export const CacheUnconfirmed = createError(
  'EDGE_ERR_CACHE_UNCONFIRMED',
  'the stored answer must be confirmed, and the app is away',
  504,
)
export const FileTruncated = createError('EDGE_ERR_FILE_TRUNCATED', 'the file became shorter while it was sent')

export const StoreUnavailable = createError('EDGE_ERR_STORE_UNAVAILABLE', 'the store did not answer: %s')
export const PermissionUnavailable = createError(
  'EDGE_ERR_PERMISSION_UNAVAILABLE',
  'nobody could say whether %s is permitted: %s',
)
export const CertificateInvalid = createError(
  'EDGE_ERR_CERTIFICATE_INVALID',
  'the certificate for %s cannot be used: %s',
)
export const CertificateDenied = createError('EDGE_ERR_CERTIFICATE_DENIED', '%s may not have a certificate')
export const CertificateBackOff = createError(
  'EDGE_ERR_CERTIFICATE_BACK_OFF',
  'obtaining a certificate for %s failed lately: %s; next try in %s s',
)
export const CertificateBusy = createError(
  'EDGE_ERR_CERTIFICATE_BUSY',
  'too many certificates are being obtained: %s was not queued',
)
/** One of the CA's limits: nothing is wrong with the name. */
export class CertificateLimited extends createError<[string, string, string]>(
  'EDGE_ERR_CERTIFICATE_LIMITED',
  'no order for %s before %s: %s',
) {
  readonly untilMs: number
  constructor(name: string, { scope, untilMs, reason }: { scope: string; untilMs: number; reason: string }) {
    super(name, new Date(untilMs).toISOString(), `${scope} is ${reason}`)
    this.untilMs = untilMs
  }
}
export const CertificatesReadOnly = createError(
  'EDGE_ERR_CERTIFICATES_READ_ONLY',
  'this edge serves certificates and changes none (EDGE_ISSUER=none)',
  409,
)
export const CertificateNameInvalid = createError(
  'EDGE_ERR_CERTIFICATE_NAME_INVALID',
  '%s is no name that can have a certificate: give a host name such as www.example.com',
  400,
)
export const StoreKeyUnknown = createError(
  'EDGE_ERR_STORE_KEY_UNKNOWN',
  '%s in the store is encrypted under the key %s, which is neither EDGE_STORE_KEY nor EDGE_STORE_KEY_OLD',
)
export const StoreFenced = createError(
  'EDGE_ERR_STORE_FENCED',
  'the lock for %s passed on: what was to be written is stale',
)

export type AcmeProblemFields = {
  /** What follows `urn:ietf:params:acme:error:` (RFC 8555 6.7): `caa`, `dns`, `rateLimited`; ours: `unreachable`, `timeout`, `invalidAnswer`. */
  readonly kind: string
  /** Of the CA's answer; 0 without one. */
  readonly status: number
  /** The CA's own words. */
  readonly detail: string
  readonly subproblems?: readonly { readonly name: string; readonly kind: string; readonly detail: string }[]
  readonly retryAfterMs?: number | undefined
}

/** Why a CA did not issue. */
export class AcmeProblem extends createError<[string, string]>('EDGE_ERR_ACME_PROBLEM', 'the CA says %s: %s') {
  readonly problem: AcmeProblemFields
  constructor(problem: AcmeProblemFields, options?: { cause: unknown }) {
    super(problem.kind, problem.detail)
    if (options !== undefined) this.cause = options.cause
    this.problem = problem
  }
}
export const AcmeEngineUnfit = createError(
  'EDGE_ERR_ACME_ENGINE_UNFIT',
  'the ACME engine is not of the version that the edge corrects: %s. Run npm ci',
)
export const AcmeEngineLost = createError('EDGE_ERR_ACME_ENGINE_LOST', 'the ACME engine ended: %s')
export const AcmeDnsModuleUnfit = createError(
  'EDGE_ERR_ACME_DNS_MODULE_UNFIT',
  'the DNS module %s (EDGE_DNS_MODULE) cannot be used: %s',
)
export const LocalRootInvalid = createError(
  'EDGE_ERR_LOCAL_ROOT_INVALID',
  'the local CA in %s cannot be used: %s. Remove that folder to have a new one made',
)

export const AdminHostRefused = createError(
  'EDGE_ERR_ADMIN_HOST_REFUSED',
  'the Host must be a loopback name or the address that the admin API listens on',
  403,
)
export const AdminCrossSite = createError('EDGE_ERR_ADMIN_CROSS_SITE', 'a page of another site may not do this', 403)
export const AdminUnauthorized = createError<[string]>(
  'EDGE_ERR_ADMIN_UNAUTHORIZED',
  'a valid token is required in %s',
  401,
)
export const AdminTokenInsufficient = createError(
  'EDGE_ERR_ADMIN_TOKEN_INSUFFICIENT',
  'the purge token opens /purge and nothing else',
  403,
)
export const AdminRouteUnknown = createError<[string, string]>('EDGE_ERR_ADMIN_ROUTE_UNKNOWN', 'there is no %s %s', 404)
export const AdminTooManyClients = createError(
  'EDGE_ERR_ADMIN_TOO_MANY_CLIENTS',
  'too many clients follow the events',
  503,
)
export const AdminBodyTypeInvalid = createError(
  'EDGE_ERR_ADMIN_BODY_TYPE_INVALID',
  'the body must be JSON, with Content-Type: application/json',
  415,
)
export const AdminBodyInvalid = createError<[string]>('EDGE_ERR_ADMIN_BODY_INVALID', 'the body is not JSON: %s', 400)
export const AdminBodyTooLarge = createError('EDGE_ERR_ADMIN_BODY_TOO_LARGE', 'the body is too large', 413)
export const CertificateRequestInvalid = createError<[string]>('EDGE_ERR_CERTIFICATE_REQUEST_INVALID', '%s', 400)
export const MaintenanceInvalid = createError<[string]>('EDGE_ERR_MAINTENANCE_INVALID', '%s', 400)
export const MaintenanceConfigured = createError(
  'EDGE_ERR_MAINTENANCE_CONFIGURED',
  'the switch is off, and BLOT_MAINTENANCE is true: set that to false and reload',
  409,
)
export const MaintenanceUnwritten = createError(
  'EDGE_ERR_MAINTENANCE_UNWRITTEN',
  'maintenance could not be written to EDGE_DATA_DIRECTORY (%s), and is as it was: try again',
  503,
)
export const ExplainInvalid = createError<[string]>('EDGE_ERR_EXPLAIN_INVALID', '%s', 400)
export const PurgeInvalid = createError<[string]>('EDGE_ERR_PURGE_INVALID', '%s', 400)
export const PurgeUnwritten = createError(
  'EDGE_ERR_PURGE_UNWRITTEN',
  'the purge could not be written to EDGE_DATA_DIRECTORY (%s), and was not applied: try again',
  503,
)

/** The code of any thrown value, for a log line: `EDGE_ERR_…`, Node's `E…`, or the class's name. */
export function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return 'unknown'
}
