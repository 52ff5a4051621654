import type { ConfigFault } from '../errors.ts'

/** What `check` found out about one thing outside: a fault, unless it is `ok`. */
export type Finding = ConfigFault & { readonly ok: boolean }
