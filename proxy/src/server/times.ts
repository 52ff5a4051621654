/** How long a connection may be silent between requests, as answers say it. */
export const KEEP_ALIVE_MS = 65_000
/** How long a visitor may take nothing of an answer. */
export const SEND_MS = 30_000
