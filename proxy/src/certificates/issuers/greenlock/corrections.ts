import { createRequire } from 'node:module'
import { AcmeEngineUnfit } from '../../../errors.ts'
import { chooseChallenge, type Challenge } from '../acme/engine.ts'
import type { AcmeAnswer } from '../acme/session.ts'
import type { ThreadOrder } from './messages.ts'

/** An order under way in the thread, with what is done for it outside. */
export type Underway = ThreadOrder & {
  post(url: string, payload: object | undefined): Promise<AcmeAnswer>
  present(challenge: Challenge): Promise<unknown>
  settle(url: string, name: string): Promise<object>
}

/** An order as @root/acme has it. */
type GreenlockOrder = { readonly _orderUrl: string; readonly _finalizeUrl: string; readonly _claims: readonly Claim[] }
type Claim = {
  readonly status: string
  readonly identifier: { readonly value: string }
  readonly challenges: readonly GreenlockChallenge[]
}
type GreenlockChallenge = Challenge & { readonly url: string; readonly identifier: { readonly value: string } }
type Options = { challenges: Record<string, { set(asked: { challenge: GreenlockChallenge }): Promise<void> }> }
type Request = { readonly url: string; readonly payload: string | Uint8Array }

/**
 * Mends greenlock 4.0.4 (@root/greenlock 4.0.5, @root/acme 3.1.0) where it stands in memory. Each replacement names the fault.
 * Throws EDGE_ERR_ACME_ENGINE_UNFIT when one of the seams is no function: it is another version then.
 * @param underway the order that the code running now belongs to.
 */
export function correctGreenlock(underway: () => Underway): void {
  const { utils, accounts, acme, acmeUtils, csr, maintainers } = loadModules()

  // Looks for the MX record of the mail address, at the start and at every order, and ends the process when there is none.
  replace(utils, '_validMx', async () => [])

  // Reports mail address, time zone and language to its makers, 3 s after the start.
  replace(maintainers, 'init', () => undefined)

  // Tries every challenge by itself beforehand, looks up DNS records, and sleeps 5 s for each; knows no CA without `meta`;
  // has no time limit: a CA that hangs blocks names for ever through tables that all orders share. No request leaves the thread.
  const create = functionOf(acme, 'create')
  replace(acme, 'create', (options: object) => {
    const client = create({ ...options, skipDryRun: true, skipChallengeTest: true, __request: readDirectory })
    // Keeps a directory for an hour, also one that has changed.
    const directory = { get: () => underway().directory, set: () => undefined }
    return Object.defineProperty(client, '_directoryUrls', directory)
  })
  async function readDirectory({ url }: { url: string }): Promise<object> {
    const { directory, directoryUrl } = underway()
    if (url !== directoryUrl) throw new Error(`greenlock asks for ${url}`)
    return { headers: {}, body: { ...directory, meta: {} } }
  }

  // Gives up after two refused nonces, garbles the errors of 403, 429 and 503, forgets `Retry-After`.
  replace(acmeUtils, '_jwsRequest', async (_acme: object, { url, payload }: Request) => {
    const { status, location, body } = await underway().post(url, parsePayload(payload))
    return { statusCode: status, headers: { location }, body }
  })

  // Keeps accounts by mail address alone, so that two CAs share one.
  replace(accounts, '_getOrCreate', async () => {
    const { accountJwk, accountUrl } = underway()
    return { keypair: { privateKeyJwk: accountJwk }, key: { kid: accountUrl } }
  })

  // Sleeps 5 s, or as long as a DNS record takes, also where nothing has to spread.
  replace(
    acme,
    '_setChallenges',
    async (_acme: object, { challenges }: Options, { _claims: claims }: GreenlockOrder) => {
      const chosen: GreenlockChallenge[] = []
      for (const { status, identifier, challenges: offered } of claims) {
        if (status === 'valid') continue
        const challenge = chooseChallenge(identifier.value, offered, underway().challengeTypes)
        await challenges[challenge.type]?.set({ challenge })
        chosen.push(challenge)
      }
      return chosen
    },
  )

  // POSTs a challenge that is still pending a second time, which CAs refuse.
  replace(
    acme,
    '_presentChallenges',
    async (_acme: object, _options: object, _account: string, chosen: readonly GreenlockChallenge[]) => {
      for (const { url, identifier } of chosen) {
        await underway().post(url, {})
        await underway().settle(url, identifier.value)
      }
    },
  )

  // Cannot read back one in two hundred of its own certificate requests: it takes their signature for a structure.
  replace(csr, '_info', () => ({ subject: underway().names[0], altnames: [...underway().names] }))

  // Finalizes an order again while it is processing: the CA refuses, and the certificate is lost. Names longer than a common
  // name may be are refused too, for its own request has one.
  replace(
    acme,
    '_pollOrderStatus',
    async (_acme: object, _options: object, _account: string, { _finalizeUrl, _orderUrl }: GreenlockOrder) => {
      const { csrPem, names } = underway()
      const der = Buffer.from(csrPem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
      const { body } = await underway().post(_finalizeUrl, { csr: der.toString('base64url') })
      const isDone = typeof body !== 'string' && body['status'] === 'valid'
      const done = isDone ? body : await underway().settle(_orderUrl, names.join(', '))
      return { ...done, _certificateUrl: (done as { certificate?: string }).certificate }
    },
  )
}

type Module = Record<string, unknown>

/** The very modules that greenlock uses, wherever they were installed. */
function loadModules(): Record<'utils' | 'accounts' | 'acme' | 'acmeUtils' | 'csr' | 'maintainers', Module> {
  const here = createRequire(import.meta.url)
  const greenlock = createRequire(createRequire(here.resolve('greenlock')).resolve('@root/greenlock'))
  return {
    utils: greenlock('./utils.js') as Module,
    accounts: greenlock('./accounts.js') as Module,
    acme: greenlock('@root/acme') as Module,
    acmeUtils: greenlock('@root/acme/utils.js') as Module,
    csr: createRequire(greenlock.resolve('@root/acme'))('@root/csr') as Module,
    maintainers: greenlock('@root/acme/maintainers.js') as Module,
  }
}

function replace(module: Module, seam: string, own: unknown): void {
  functionOf(module, seam)
  module[seam] = own
}

function functionOf(module: Module, seam: string): (options: object) => object {
  const found = module[seam]
  if (typeof found !== 'function') throw new AcmeEngineUnfit(`greenlock has no ${seam}`)
  return found as (options: object) => object
}

function parsePayload(payload: string | Uint8Array): object | undefined {
  return payload.length === 0 ? undefined : (JSON.parse(Buffer.from(payload).toString()) as object)
}
