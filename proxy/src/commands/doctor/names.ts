import { randomBytes } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { fail, ok, warn, type Diagnosis } from './diagnosis.ts'
import type { Machine } from './machine.ts'

const LIMIT_MS = 3000

/** Do the site's own names lead to this machine, in the DNS and not in its hosts file? */
export async function examineNames(
  { config: { host, issuer } }: Machine,
  servers?: readonly string[],
): Promise<Diagnosis[]> {
  // Names below `localhost` are every machine's own (RFC 6761 6.3).
  if (host === undefined || host === 'localhost' || host.endsWith('.localhost')) return []
  const resolver = new Resolver({ timeout: LIMIT_MS, tries: 1 })
  if (servers !== undefined) resolver.setServers(servers)
  const any = `doctor-${randomBytes(4).toString('hex')}.${host}`
  const names = [
    { name: host, shown: host, needed: true },
    { name: `www.${host}`, shown: `www.${host}`, needed: false },
    { name: `cdn.${host}`, shown: `cdn.${host}`, needed: false },
    { name: any, shown: `*.${host}`, needed: false },
  ]
  const why = issuer === 'acme' ? 'visitors and the CA do not find it: no certificate' : 'visitors do not find it'
  return Promise.all(names.map(async (one) => judge(one, await addressesOf(resolver, one.name), why)))
}

type Asked = { readonly shown: string; readonly needed: boolean }

function judge({ shown, needed }: Asked, addresses: readonly string[] | undefined, why: string): Diagnosis {
  const subject = `DNS of ${shown}`
  const trouble = { why, mend: `give ${shown} an A and an AAAA record with the addresses of this machine` }
  if (addresses === undefined) return warn(subject, 'could not be asked: no name server answers', { why })
  if (addresses.length === 0) return (needed ? fail : warn)(subject, 'has no address', trouble)
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)))
  const foreign = addresses.filter((address) => !own.has(address))
  if (foreign.length === 0) return ok(subject, `is ${addresses.join(', ')}: this machine`)
  return warn(subject, `is ${foreign.join(', ')}, which this machine does not have itself`, {
    why: 'right behind a load balancer or address translation; else visitors go to another machine',
    mend: `curl -sI http://${shown.replace('*', 'any')}/health, from somewhere else, must be answered by this edge`,
  })
}

/** @returns undefined when nobody could say. */
async function addressesOf(resolver: Resolver, name: string): Promise<string[] | undefined> {
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
  const absent = new Set(['ENOTFOUND', 'ENODATA'])
  const isKnown = answers.some(
    (answer) => answer.status === 'fulfilled' || absent.has((answer.reason as NodeJS.ErrnoException).code ?? ''),
  )
  return isKnown ? answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : [])) : undefined
}
