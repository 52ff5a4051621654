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
export const AdminUnavailable = createError<[string, string]>(
  'EDGE_ERR_ADMIN_UNAVAILABLE',
  'no answer from an edge at %s: %s',
)
export const PortInUse = createError('EDGE_ERR_PORT_IN_USE', '%s')
export const PortForbidden = createError('EDGE_ERR_PORT_FORBIDDEN', '%s')
export const AddressUnavailable = createError('EDGE_ERR_ADDRESS_UNAVAILABLE', '%s')
export const UserUnknown = createError('EDGE_ERR_USER_UNKNOWN', '%s')
export const PidFileUnwritable = createError(
  'EDGE_ERR_PID_FILE_UNWRITABLE',
  '%s (EDGE_PID_FILE) cannot be written: name another file, or start as a user who may write it',
)
export const ChannelClosed = createError('EDGE_ERR_CHANNEL_CLOSED', 'no answer from the %s: it is away')
export const ChannelTimeout = createError('EDGE_ERR_CHANNEL_TIMEOUT', 'no answer from the %s to %s within %s ms')

export const HostInvalid = createError('EDGE_ERR_HOST_INVALID', 'invalid host', 400)
export const UpstreamUnavailable = createError('EDGE_ERR_UPSTREAM_UNAVAILABLE', 'no upstream answered', 502)
export const UpstreamTimeout = createError('EDGE_ERR_UPSTREAM_TIMEOUT', 'the upstream did not answer in time', 504)
export const BodyTooLarge = createError('EDGE_ERR_BODY_TOO_LARGE', 'the request body exceeds %s bytes', 413)
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
export const LocalRootInvalid = createError(
  'EDGE_ERR_LOCAL_ROOT_INVALID',
  'the local CA in %s cannot be used: %s. Remove that folder to have a new one made',
)

/** The code of any thrown value, for a log line: `EDGE_ERR_…`, Node's `E…`, or the class's name. */
export function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return 'unknown'
}
