import type { ConfigFault } from '../errors.ts'
import { isLoopback } from './loopback.ts'
import { adminAddress, permissionSource, redisHost, storeLocation } from './locations.ts'
import type { Mode, Values } from './variables.ts'

/** Rules between variables. Each is given the values that are right by themselves, and says what is wrong between them. */
export function compareValues(values: Partial<Values>, mode: Mode): ConfigFault[] {
  const rules = [
    storeTwice,
    sameStoreKey,
    halfWildcard,
    openAdmin,
    openPermission,
    orderForAll,
    acmeWithoutEmail,
    halfExternalAccount,
    dnsOptionsWithoutModule,
    permissionWithoutRedis,
    untrustedProxyHeader,
    samePort,
    ...(mode === 'run' ? [upstreamWithoutPort] : []),
  ]
  return rules.map((rule) => rule(values)).filter((fault) => fault !== undefined)
}

function storeTwice({ EDGE_STORE: store, BLOT_REDIS_HOST: host }: Partial<Values>): ConfigFault | undefined {
  if (store === undefined || host === undefined) return undefined
  if (store.kind === 'redis' && URL.canParse(store.url) && serverOf(store.url) === serverOf(host)) return undefined
  const message = `names another store than EDGE_STORE (${storeLocation.show(store)}): set one of them, or both to the same`
  return { variable: 'BLOT_REDIS_HOST', value: redisHost.show(host), message }
}

function sameStoreKey({ EDGE_STORE_KEY: key, EDGE_STORE_KEY_OLD: old }: Partial<Values>): ConfigFault | undefined {
  if (old === undefined || key !== old) return undefined
  return { variable: 'EDGE_STORE_KEY_OLD', value: '***', message: 'is EDGE_STORE_KEY too: unset it, or make a new key' }
}

function halfWildcard(values: Partial<Values>): ConfigFault | undefined {
  const { EDGE_WILDCARD_CERTIFICATE: certificate, EDGE_WILDCARD_KEY: key } = values
  const [variable, missing] = ['EDGE_WILDCARD_CERTIFICATE', 'EDGE_WILDCARD_KEY']
  if (certificate !== undefined && key === undefined) {
    return { variable, value: certificate, message: `goes with ${missing}: set both or none` }
  }
  if (key !== undefined && certificate === undefined) {
    return { variable: missing, value: key, message: `goes with ${variable}: set both or none` }
  }
  return undefined
}

function openAdmin({ EDGE_ADMIN: admin, EDGE_ADMIN_TOKEN: token }: Partial<Values>): ConfigFault | undefined {
  if (admin === undefined || admin.kind === 'unix' || token !== undefined || isLoopback(admin.address)) return undefined
  const message = 'can be reached from other machines: set EDGE_ADMIN_TOKEN, or use a loopback address or unix:/path'
  return { variable: 'EDGE_ADMIN', value: adminAddress.show(admin), message }
}

function openPermission({
  EDGE_PERMISSION: permission,
  EDGE_ADDRESS: address,
}: Partial<Values>): ConfigFault | undefined {
  if (permission?.kind !== 'all' || address === undefined || isLoopback(address)) return undefined
  const message = `lets any visitor have certificates made: allowed only when EDGE_ADDRESS is loopback, not ${address}`
  return { variable: 'EDGE_PERMISSION', value: permissionSource.show(permission), message }
}

function orderForAll({ EDGE_PERMISSION: permission, EDGE_ISSUER: issuer }: Partial<Values>): ConfigFault | undefined {
  if (permission?.kind !== 'all' || issuer !== 'acme') return undefined
  const message = 'lets any visitor use up what the CA allows: with EDGE_ISSUER=acme, use store or a URL'
  return { variable: 'EDGE_PERMISSION', value: 'all', message }
}

function acmeWithoutEmail({ EDGE_ISSUER: issuer, EDGE_ACME_EMAIL: email }: Partial<Values>): ConfigFault | undefined {
  if (issuer !== 'acme' || email !== undefined) return undefined
  const message = 'is required with EDGE_ISSUER=acme: a mail address, by which you agree to the terms of the CA'
  return { variable: 'EDGE_ACME_EMAIL', value: '', message }
}

function halfExternalAccount(values: Partial<Values>): ConfigFault | undefined {
  const { EDGE_ACME_EAB_KEY_ID: keyId, EDGE_ACME_EAB_HMAC: hmac } = values
  if ((keyId === undefined) === (hmac === undefined)) return undefined
  const [given, missing] = ['EDGE_ACME_EAB_KEY_ID', 'EDGE_ACME_EAB_HMAC']
  return keyId === undefined
    ? { variable: missing, value: '***', message: `goes with ${given}: set both or none` }
    : { variable: given, value: keyId, message: `goes with ${missing}: set both or none` }
}

function dnsOptionsWithoutModule(values: Partial<Values>): ConfigFault | undefined {
  if (values.EDGE_DNS_OPTIONS === undefined || values.EDGE_DNS_MODULE !== undefined) return undefined
  return { variable: 'EDGE_DNS_OPTIONS', value: '***', message: 'goes with EDGE_DNS_MODULE' }
}

function permissionWithoutRedis({
  EDGE_PERMISSION: permission,
  EDGE_STORE: store,
}: Partial<Values>): ConfigFault | undefined {
  if (permission?.kind !== 'store' || store?.kind !== 'file') return undefined
  const message = 'asks Redis which names the app has registered, and EDGE_STORE is a folder: use a URL'
  return { variable: 'EDGE_PERMISSION', value: 'store', message }
}

function untrustedProxyHeader(values: Partial<Values>): ConfigFault | undefined {
  if (values.EDGE_PROXY_PROTOCOL !== true || values.EDGE_TRUSTED_PROXIES?.length !== 0) return undefined
  const message = 'needs EDGE_TRUSTED_PROXIES: the header is read from trusted addresses only'
  return { variable: 'EDGE_PROXY_PROTOCOL', value: 'true', message }
}

function samePort(values: Partial<Values>): ConfigFault | undefined {
  const { EDGE_ADDRESS: address = '::', EDGE_ADMIN: admin } = values
  const listeners = [
    { variable: 'EDGE_HTTP_PORT', port: values.EDGE_HTTP_PORT, address },
    { variable: 'EDGE_HTTPS_PORT', port: values.EDGE_HTTPS_PORT, address },
    {
      variable: 'EDGE_ADMIN',
      port: admin?.kind === 'tcp' ? admin.port : 0,
      address: admin?.kind === 'tcp' ? admin.address : '',
    },
  ].filter((listener) => listener.port !== undefined && listener.port !== 0)
  for (const [index, listener] of listeners.entries()) {
    const other = listeners
      .slice(0, index)
      .find(({ port, address: at }) => port === listener.port && overlap(at, listener.address))
    if (other === undefined) continue
    const message = `is the port of ${other.variable} too: each listener needs its own`
    return { variable: listener.variable, value: String(listener.port), message }
  }
  return undefined
}

/** Port 0 stands for the port that the app of `dev` is going to choose; in production nobody could tell. */
function upstreamWithoutPort({ EDGE_UPSTREAMS: list }: Partial<Values>): ConfigFault | undefined {
  const upstream = list?.find(({ url }) => url.endsWith(':0'))
  if (upstream === undefined) return undefined
  return { variable: 'EDGE_UPSTREAMS', value: upstream.url, message: 'needs the port of the app, not 0 (BLOT_PORT)' }
}

function overlap(one: string, other: string): boolean {
  return one === other || [one, other].some((address) => address === '::' || address === '0.0.0.0')
}

/** Scheme, host, port and database of a Redis URL; credentials are no part of where it is. */
function serverOf(text: string): string {
  const url = new URL(text)
  return `${url.protocol}//${url.hostname.toLowerCase()}:${url.port || '6379'}/${url.pathname.slice(1) || '0'}`
}
