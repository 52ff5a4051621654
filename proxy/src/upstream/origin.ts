import type { Origin } from './wire/connect.ts'

/** Where the upstream of this URL listens. */
export function originOf(url: string): Origin {
  const { hostname, protocol, port } = new URL(url)
  const secure = protocol === 'https:'
  return { hostname: hostname.replace(/^\[|\]$/g, ''), port: Number(port || (secure ? 443 : 80)), secure }
}

/** `host:port`, for headers, metrics and the log. */
export function addressOf(url: string): string {
  return `${new URL(url).hostname}:${originOf(url).port}`
}
