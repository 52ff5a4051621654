import { firstValue, type HeaderList } from './headers.ts'

/** How long the upstream asks to be left alone, in ms (RFC 9110 10.2.3); undefined where it does not say, or not so that it can be read. */
export function retryAfterMs(headers: HeaderList): number | undefined {
  const value = firstValue(headers, 'retry-after')
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const leftMs = Date.parse(value) - Date.now()
  return Number.isNaN(leftMs) ? undefined : Math.max(0, leftMs)
}
