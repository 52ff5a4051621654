import { parentOf } from './name.ts'

/**
 * What kind of site a host is (the host table of Blot):
 * `main` $BLOT_HOST and www.; `handle` *.$BLOT_HOST; `preview` preview-….$BLOT_HOST; `cdn`; `webhooks`;
 * `domain` a customer's own name; `address` an IP address, which is nobody's site.
 */
export type SiteKind = 'main' | 'handle' | 'preview' | 'cdn' | 'webhooks' | 'domain' | 'address'

export type Site = {
  readonly kind: SiteKind
  /** The normalised name, without a port; an IP address as it was written. */
  readonly host: string
  /** Answers only over https; port 80 redirects. */
  readonly httpsOnly: boolean
  /** May answers come from the memory tier and the page files? */
  readonly cacheable: boolean
  /** Has it a folder in the cache folder, with page files and the links `static` and `folder`? */
  readonly pageFiles: boolean
  /** Long-lived streams: 24 h timeouts, large bodies. */
  readonly streaming: boolean
}

/** @param host a normalised name, or an IP address. */
export function identifySite(host: string, blotHost: string, isAddress: boolean): Site {
  const kind = isAddress ? 'address' : kindOf(host, blotHost)
  const own = kind === 'handle' || kind === 'domain'
  return {
    kind,
    host,
    httpsOnly: kind === 'main',
    cacheable: own || kind === 'cdn',
    pageFiles: own,
    streaming: kind === 'webhooks',
  }
}

function kindOf(host: string, blotHost: string): SiteKind {
  if (host === blotHost || host === `www.${blotHost}`) return 'main'
  if (host === `cdn.${blotHost}`) return 'cdn'
  if (host === `webhooks.${blotHost}`) return 'webhooks'
  if (parentOf(host) !== blotHost) return 'domain'
  return host.startsWith('preview-') ? 'preview' : 'handle'
}
