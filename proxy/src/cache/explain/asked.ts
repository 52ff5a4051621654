import type { IncomingHttpHeaders } from 'node:http'
import type { RequestHead } from '../../request.ts'
import type { Site } from '../../site/site.ts'
import type { FieldList } from '../representation.ts'

/** A GET that nobody has made: what would the edge do with it? Plain data. */
export type Asked = {
  readonly scheme: 'http' | 'https'
  readonly host: string
  /** As it would be sent: with its port, if it has one. */
  readonly authority: string
  readonly target: string
  readonly headers: FieldList
}

/** @param localPort of the listener that it would come to. */
export function headFor(asked: Asked, site: Site, localPort: number): RequestHead {
  const { scheme, host, authority, target, headers } = asked
  return {
    method: 'GET',
    scheme,
    host,
    authority,
    target,
    version: '1.1',
    headers: byName(headers),
    rawHeaders: headers,
    connection: {
      id: 0,
      address: '127.0.0.1',
      port: 0,
      trusted: false,
      loopback: true,
      scheme,
      localPort,
      serverName: host,
      covers: () => true,
    },
    site,
    id: '',
  }
}

function byName(fields: FieldList): IncomingHttpHeaders {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i]?.toLowerCase() ?? ''
    const before = headers[name]
    headers[name] = before === undefined ? (fields[i + 1] ?? '') : `${before}, ${fields[i + 1]}`
  }
  return headers
}
