/** What the switch says while it is on: kept on this machine, until somebody switches it off. */
export type MaintenanceSwitch = {
  /** ISO 8601. */
  readonly since: string
  /** What visitors are told in `Retry-After`. */
  readonly retryAfterS: number
  /** For visitors, in place of the page's own sentence. */
  readonly message: string | undefined
}

/** What somebody wants of the switch. */
export type MaintenanceOrder = { readonly on: false } | ({ readonly on: true } & Omit<MaintenanceSwitch, 'since'>)

/** Maintenance as the admin API tells of it. */
export type MaintenanceView = {
  readonly on: boolean
  /** Who says so: the configuration, the switch, or both. */
  readonly by: readonly ('BLOT_MAINTENANCE' | 'switch')[]
  /** Of the switch, ISO 8601. */
  readonly since?: string
  /** Seconds. */
  readonly retryAfter?: number
  readonly message?: string
}

export const RETRY_AFTER_S = 120

/** @param configured BLOT_MAINTENANCE. */
export function viewMaintenance(configured: boolean, switched: MaintenanceSwitch | undefined): MaintenanceView {
  const by = [...(configured ? ['BLOT_MAINTENANCE' as const] : []), ...(switched ? ['switch' as const] : [])]
  if (by.length === 0) return { on: false, by }
  const { since, retryAfterS = RETRY_AFTER_S, message } = switched ?? {}
  return { on: true, by, ...(since && { since }), retryAfter: retryAfterS, ...(message && { message }) }
}
