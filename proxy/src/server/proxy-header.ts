import { isIP } from 'node:net'

/** HAProxy's PROXY protocol, versions 1 and 2 (proxy-protocol.txt, sections 2.1 and 2.2). */
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const V1_LIMIT = 107
/** Addresses and a handful of TLVs; the format allows 64 KB, which no sender needs. */
const V2_LIMIT = 2048

export type ProxySource = { address: string; port: number }

export type ProxyHeader =
  /** Read on: the header is not complete yet. */
  | { kind: 'incomplete' }
  | { kind: 'invalid'; reason: string }
  /** `source` is undefined for LOCAL and UNKNOWN: the connection is the proxy's own. */
  | { kind: 'complete'; length: number; source: ProxySource | undefined }

/** @param bytes everything received so far, from the connection's first byte. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const probe = Math.min(bytes.length, V2_SIGNATURE.length)
  if (bytes.subarray(0, probe).equals(V2_SIGNATURE.subarray(0, probe))) {
    return bytes.length < 16 ? { kind: 'incomplete' } : parseV2(bytes)
  }
  const start = 'PROXY '.slice(0, bytes.length)
  if (bytes.toString('latin1', 0, start.length) === start) return parseV1(bytes)
  return { kind: 'invalid', reason: 'no PROXY header' }
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.indexOf('\r\n')
  if (end === -1) {
    return bytes.length < V1_LIMIT ? { kind: 'incomplete' } : { kind: 'invalid', reason: 'PROXY v1 line too long' }
  }
  if (end + 2 > V1_LIMIT) return { kind: 'invalid', reason: 'PROXY v1 line too long' }
  const length = end + 2
  const [, family, address, , port, ...rest] = bytes.toString('latin1', 0, end).split(' ')
  if (family === 'UNKNOWN') return { kind: 'complete', length, source: undefined }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : undefined
  if (version === undefined || rest.length !== 1) return { kind: 'invalid', reason: 'PROXY v1 line malformed' }
  if (address === undefined || isIP(address) !== version) return { kind: 'invalid', reason: 'PROXY v1 address invalid' }
  if (port === undefined || !/^\d{1,5}$/.test(port) || Number(port) > 65535) {
    return { kind: 'invalid', reason: 'PROXY v1 port invalid' }
  }
  return { kind: 'complete', length, source: { address, port: Number(port) } }
}

function parseV2(bytes: Buffer): ProxyHeader {
  const versionCommand = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const length = 16 + bytes.readUInt16BE(14)
  if (versionCommand >> 4 !== 2 || (versionCommand & 15) > 1)
    return { kind: 'invalid', reason: 'PROXY v2 command invalid' }
  if (length > V2_LIMIT) return { kind: 'invalid', reason: 'PROXY v2 header too long' }
  if (bytes.length < length) return { kind: 'incomplete' }
  // LOCAL: a health check of the proxy itself. AF_UNSPEC and AF_UNIX name no visitor either.
  if ((versionCommand & 15) === 0 || family >> 4 === 0 || family >> 4 === 3) {
    return { kind: 'complete', length, source: undefined }
  }
  if (family === 0x11 && length >= 16 + 12) {
    return {
      kind: 'complete',
      length,
      source: { address: bytes.subarray(16, 20).join('.'), port: bytes.readUInt16BE(24) },
    }
  }
  if (family === 0x21 && length >= 16 + 36) {
    return { kind: 'complete', length, source: { address: ipv6(bytes.subarray(16, 32)), port: bytes.readUInt16BE(48) } }
  }
  return { kind: 'invalid', reason: 'PROXY v2 address invalid' }
}

/** RFC 5952 form, by way of the URL parser; an IPv4-mapped address is written as IPv4. */
function ipv6(bytes: Buffer): string {
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(bytes.readUInt16BE(i).toString(16))
  const text = new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.test(text)
  return mapped ? bytes.subarray(12, 16).join('.') : text
}
