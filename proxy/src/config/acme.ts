import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import * as v from 'valibot'
import { isLoopback } from './loopback.ts'
import { matching } from './schema.ts'

/** Kinds of value that say how certificates are ordered over ACME. */

/** RFC 8555 6.1: ACME is spoken over HTTPS. A test CA on this machine may do without. */
export const acmeDirectory = {
  schema: v.string(),
  right: 'the https:// URL of an ACME directory (http:// on loopback only), without credentials',
  parse(text: string) {
    const url = URL.parse(text)
    if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return undefined
    return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname))
      ? url.href
      : undefined
  },
  show: String,
}

function isLoopbackHost(hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  return hostname === 'localhost' || (isIP(address) !== 0 && isLoopback(address))
}

/** Plain enough for every CA: no comments, no quotes, no address list (RFC 8555 7.3). */
export const mailAddress = {
  schema: matching(/^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,189}$/),
  right: 'a mail address such as operator@example.com',
  parse: (text: string) => (text.split('@').at(-1)?.includes('.') === true ? text : undefined),
  show: String,
}

/** The HMAC key of an external account (RFC 8555 7.3.4). */
export const hmacKey = {
  schema: matching(/^[A-Za-z0-9_-]{22,1024}$/),
  right: 'the HMAC key in base64url, 22 to 1024 characters, as the CA shows it',
  parse: (text: string) => text.replace(/=+$/, ''),
  show: String,
}

/** Where a package is looked for depends on the folder that the edge was started in. */
export const moduleName = {
  schema: v.object({ name: v.string(), directory: v.string() }),
  right: 'the name of an installed package such as acme-dns-01-cloudflare, or an absolute path',
  parse(text: string, directory: string) {
    const isPackage = /^(@[a-z0-9-][\w.-]*\/)?[a-z0-9-][\w.-]{0,213}$/.test(text)
    return isPackage || (isAbsolute(text) && !text.includes('\0')) ? { name: text, directory } : undefined
  },
  show: ({ name }: { name: string }) => name,
}

export const jsonObject = {
  schema: v.record(v.string(), v.unknown()),
  right: 'a JSON object such as {"token":"…"}',
  parse(text: string) {
    try {
      const value: unknown = JSON.parse(text)
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
    } catch {
      return undefined
    }
  },
  show: (value: object) => JSON.stringify(value),
}
