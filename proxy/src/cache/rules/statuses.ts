/** What statuses mean to a cache. */
type Statuses = ReadonlySet<number>

/** Answers that may be kept by guess (RFC 9110 15.1, RFC 7725 3). 206 is among them, but parts are not stored here. */
export const HEURISTIC: Statuses = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 451, 501])

/** What Blot's NGINX kept when the app said nothing. */
export const UNTIL_PURGED: Statuses = new Set([200, 301, 302, 400, 404])

/** What is understood here, as `must-understand` asks (RFC 9111 5.2.2.3): final statuses of RFC 9110 15, and RFC 7725. */
export const UNDERSTOOD: Statuses = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409,
  410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426, 451, 500, 501, 502, 503, 504, 505,
])

/**
 * Never stored, whatever the app says of them: an answer about a validator (304) or a part (206); and what RFC 6585 says is about one
 * visitor (428, 429, 431, 511).
 */
export const NEVER_STORED: Statuses = new Set([206, 304, 428, 429, 431, 511])

/** By these an app says that it is in trouble: what is stored may stand in for it (RFC 9111 4.3.3, RFC 5861 4). */
export const TROUBLE: Statuses = new Set([500, 502, 503, 504])
