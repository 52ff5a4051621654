import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { AcmeDnsModuleUnfit } from '../../../errors.ts'
import { untilAborted } from '../../deadline.ts'
import type { Challenge } from './engine.ts'

/** Puts the answers of DNS-01 (RFC 8555 8.4) into the zone of an operator. */
export type DnsModule = {
  /** Resolves once the record is there, and the time that the module gives it to spread has passed. */
  set(challenge: Challenge, keyAuthorization: string, signal: AbortSignal): Promise<void>
  remove(challenge: Challenge, keyAuthorization: string, signal: AbortSignal): Promise<void>
}

export type DnsModuleOptions = {
  /** A package in the `node_modules` of `directory` or above it, or an absolute path. */
  readonly name: string
  readonly directory: string
  /** For the module's `create`: credentials, as its own documentation names them. */
  readonly options: Readonly<Record<string, unknown>>
}

/** The interface of greenlock's `acme-dns-01-*` modules. */
type Plugin = {
  init?(tools: { request: unknown }): Promise<unknown>
  zones?(asked: { challenge: object }): Promise<readonly string[]>
  set(asked: { challenge: object }): Promise<unknown>
  remove(asked: { challenge: object }): Promise<unknown>
  /** Milliseconds until a record is seen everywhere. */
  propagationDelay?: unknown
}

/** What greenlock waits for modules that do not say. */
const PROPAGATION_MS = 5_000

/** Loads a module and has it created. Rejects with EDGE_ERR_ACME_DNS_MODULE_UNFIT. */
export async function openDnsModule({ name, directory, options }: DnsModuleOptions): Promise<DnsModule> {
  const plugin = await load(name, directory, options)
  const delayMs = typeof plugin.propagationDelay === 'number' ? plugin.propagationDelay : PROPAGATION_MS

  async function describe(challenge: Challenge, keyAuthorization: string): Promise<{ challenge: object }> {
    const dnsHosts = [challenge.name]
    const zones = (await plugin.zones?.({ challenge: { type: 'dns-01', dnsHosts } })) ?? []
    return { challenge: describeChallenge(challenge, keyAuthorization, zones) }
  }

  return {
    async set(challenge, keyAuthorization, signal) {
      const set = async (): Promise<unknown> => plugin.set(await describe(challenge, keyAuthorization))
      await untilAborted(set(), signal)
      await delay(delayMs, undefined, { signal })
    },
    async remove(challenge, keyAuthorization, signal) {
      const remove = async (): Promise<unknown> => plugin.remove(await describe(challenge, keyAuthorization))
      await untilAborted(remove(), signal)
    },
  }
}

async function load(name: string, directory: string, options: object): Promise<Plugin> {
  try {
    const file = createRequire(join(directory, 'package.json')).resolve(name)
    const loaded = (await import(pathToFileURL(file).href)) as { default?: object; create?: unknown }
    const { create } = { ...loaded, ...loaded.default } as { create: (options: object) => Plugin }
    const plugin = create(options)
    if (typeof plugin.set !== 'function' || typeof plugin.remove !== 'function') {
      throw new TypeError('what it creates has no set and remove')
    }
    await plugin.init?.({ request: loadRequest() })
    return plugin
  } catch (cause) {
    throw new AcmeDnsModuleUnfit(name, cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** The HTTP client that greenlock hands to its modules. */
function loadRequest(): unknown {
  const greenlock = createRequire(createRequire(import.meta.url).resolve('@root/greenlock'))
  return greenlock('@root/request')
}

function describeChallenge(
  { name, wildcard, token }: Challenge,
  keyAuthorization: string,
  zones: readonly string[],
): object {
  const digest = createHash('sha256').update(keyAuthorization).digest('base64url')
  const dnsHost = `_acme-challenge.${name}`
  const [dnsZone] = zones
    .filter((zone) => name === zone || name.endsWith(`.${zone}`))
    .toSorted((one, other) => other.length - one.length)
  return {
    type: 'dns-01',
    identifier: { type: 'dns', value: name },
    wildcard,
    hostname: name,
    altname: wildcard ? `*.${name}` : name,
    token,
    keyAuthorization,
    keyAuthorizationDigest: digest,
    // The same under the name that older modules read.
    dnsAuthorization: digest,
    dnsHost,
    ...(dnsZone !== undefined && { dnsZone, dnsPrefix: dnsHost.slice(0, -dnsZone.length - 1) }),
  }
}
