import { styleText } from 'node:util'
import type { RequestEvent } from '../events.ts'
import { printable } from './printable.ts'

/** Query parameters that carry a secret in practice: log-in links, OAuth answers, signed URLs. */
const SECRET_PARAMETER =
  /([?&](?:(?:access_|refresh_|id_|auth_)?token|code|key|api_?key|password|passwd|secret|sig|signature)=)[^&#]+/gi

/** The fields of an access line, in the order in which they are read. Undefined ones are left out. */
export function accessFields(event: RequestEvent) {
  return {
    method: event.method,
    host: event.host,
    target: withoutSecrets(event.target),
    status: event.status,
    bytes: event.bytes,
    /** ms, to the microsecond. */
    duration: Math.round(event.durationMs * 1000) / 1000,
    held: event.heldMs === undefined ? undefined : Math.round(event.heldMs),
    cache: event.cache,
    upstream: event.upstream,
    requestId: event.requestId,
    scheme: event.scheme,
    version: event.version,
    address: event.address,
    reason: event.reason,
    aborted: event.aborted || undefined,
    userAgent: event.userAgent,
    referrer: event.referrer === undefined ? undefined : withoutSecrets(event.referrer),
  }
}

export type AccessFields = ReturnType<typeof accessFields>

function withoutSecrets(target: string): string {
  return target.includes('?') ? target.replace(SECRET_PARAMETER, '$1[secret]') : target
}

/** The same for people: `200 GET https://garden.blot.localhost/ 12.3 kB 4 ms HIT`. */
export function accessLine(fields: AccessFields, colours: boolean): string {
  const paint = (style: Style, text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text
  const { status, method, scheme, host, target, cache, upstream, reason } = fields
  const words = [
    paint(statusStyle(status), String(status)),
    paint('bold', printable(method)),
    `${scheme}://${printable(host)}${printable(target)}`,
    paint('dim', bytesText(fields.bytes)),
    paint('dim', durationText(fields.duration)),
  ]
  if (cache !== undefined) words.push(paint(cache === 'HIT' ? 'green' : 'yellow', cache))
  if (upstream !== undefined) words.push(paint('dim', printable(upstream)))
  if (fields.held !== undefined) words.push(paint('yellow', `held ${durationText(fields.held)}`))
  if (fields.aborted === true) words.push(paint('yellow', 'aborted'))
  if (reason !== undefined) words.push(paint('yellow', printable(reason)))
  return words.join(' ')
}

type Style = 'bold' | 'dim' | 'green' | 'cyan' | 'yellow' | 'red'

function statusStyle(status: number): Style {
  if (status >= 500) return 'red'
  if (status >= 400) return 'yellow'
  return status >= 300 ? 'cyan' : 'green'
}

/** Decimal units: `999 B`, `12.3 kB`, `4.5 MB`. */
function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** `0.2 ms`, `4 ms`, `1.25 s`. */
function durationText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  return ms < 1 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
