import type { IncomingMessage } from 'node:http'

/** Where the visitor sees us: what links and redirects must say, whatever lies between. */
export interface Origin {
  readonly protocol: 'http' | 'https'
  /** Host name in lower case, without port and closing dot. */
  readonly host: string
  /** Empty where the protocol's own port is meant. */
  readonly port: string
  /** The port of the same site over https, as far as it is known. */
  readonly securePort: string
  /**
   * Whether the port comes from the edge or is the protocol's own. One that only the visitor named must not
   * get into a page that others are shown.
   */
  readonly trusted: boolean
}

const ownPorts = { http: '80', https: '443' }

/** @param fallback The protocol to take when no proxy says which one the visitor used. */
export function originOf(request: IncomingMessage, fallback: 'http' | 'https'): Origin {
  const { host, port: hostPort } = splitHost(request.headers.host ?? '')
  const said = singleHeader(request, 'x-forwarded-proto')
  const protocol = said === 'http' || said === 'https' ? said : fallback
  const forwardedPort = portOf(singleHeader(request, 'x-forwarded-port'))
  // What a proxy forwards is the port of its https; a visitor who came by http alone knows which port that was.
  const securePort = withoutOwn(forwardedPort === ownPorts.http ? undefined : forwardedPort, 'https')
  const isSecure = protocol === 'https'
  const port = isSecure && forwardedPort !== undefined ? securePort : withoutOwn(hostPort, protocol)
  return {
    protocol,
    host,
    port,
    securePort,
    trusted: port === '' || (isSecure && forwardedPort !== undefined),
  }
}

function withoutOwn(port: string | undefined, protocol: 'http' | 'https'): string {
  return port === undefined || port === ownPorts[protocol] ? '' : port
}

/** The absolute URL of a target, on the visitor's host or on another one of ours. */
export function absoluteUrl(origin: Origin, target: string, host: string = origin.host): string {
  return `${origin.protocol}://${host}${origin.port === '' ? '' : `:${origin.port}`}${target}`
}

/** The same place over https. */
export function secureOrigin(origin: Origin): Origin {
  return { ...origin, protocol: 'https', port: origin.securePort }
}

/** Whether a host is this machine's own name or address, as in requests that no visitor can have sent by DNS. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** Whether a request was handed on for somebody else. */
export function isForwarded(request: IncomingMessage): boolean {
  return ['x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'forwarded'].some((name) => name in request.headers)
}

function splitHost(written: string): { readonly host: string; readonly port: string | undefined } {
  const parts = /^(?<host>\[[0-9a-f:.]+\]|[^:[\]]*)(?::(?<port>\d{0,5}))?$/i.exec(written)?.groups
  const host = (parts?.host ?? '').toLowerCase().replace(/\.$/, '')
  return { host, port: portOf(parts?.port) }
}

function portOf(written: string | undefined): string | undefined {
  const number = /^\d{1,5}$/.test(written ?? '') ? Number(written) : 0
  return number > 0 && number <= 65_535 ? String(number) : undefined
}

function singleHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value.trim() : undefined
}
