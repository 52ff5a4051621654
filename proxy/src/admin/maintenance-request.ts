import { RETRY_AFTER_S, type MaintenanceOrder } from '../maintenance.ts'

const MAX_RETRY_AFTER_S = 7 * 86_400
/** A sentence or two, on one line. */
const MESSAGE = /^[^\p{Cc}\p{Zl}\p{Zp}]{1,300}$/u
const EXPECTED = '{"on": true, "retryAfter": 600, "message": "…"}, the last two or not, or {"on": false}'

/** @param body of `POST /maintenance`, parsed JSON. @returns what is wanted, or what is wrong. */
export function parseMaintenance(body: unknown): MaintenanceOrder | { readonly error: string } {
  const fields: Readonly<Record<string, unknown>> = typeof body === 'object' && body !== null ? { ...body } : {}
  const { on, retryAfter = RETRY_AFTER_S, message, ...others } = fields
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    return { error: `${JSON.stringify(unknown.slice(0, 40))} is unknown: expected ${EXPECTED}` }
  if (typeof on !== 'boolean') return { error: `expected ${EXPECTED}` }
  if (!on)
    return Object.keys(fields).length === 1
      ? { on }
      : { error: `"on" is false, and there is more: expected ${EXPECTED}` }
  if (
    typeof retryAfter !== 'number' ||
    !Number.isInteger(retryAfter) ||
    retryAfter < 1 ||
    retryAfter > MAX_RETRY_AFTER_S
  )
    return { error: `"retryAfter" is a number of seconds, 1 to ${MAX_RETRY_AFTER_S}` }
  if (message !== undefined && (typeof message !== 'string' || !MESSAGE.test(message)))
    return { error: '"message" is one line of up to 300 characters' }
  return { on, retryAfterS: retryAfter, message }
}
