import { AcmeEngineUnfit } from '../../errors.ts'
import { chooseChallenge } from './acme/engine.ts'
import type { Authorization, Client } from 'acme-client'
import type { AcmeEngine, EngineOrder } from './acme/engine.ts'

/**
 * The engine `acme-client`. Its own requests repeat an answer of 429 or 5xx with the same nonce, after sleeps of 5 s and more,
 * and have no limits in time and size: ours take their place. So do its polls, which begin after 5 s.
 */
export async function openAcmeClient(): Promise<AcmeEngine> {
  // Loaded for this engine alone: it takes half a second.
  const { Client: AcmeClient } = await import('acme-client')
  return {
    async order(order) {
      // Without the account's key: it signs nothing.
      const options = { directoryUrl: order.directoryUrl, accountKey: '', accountUrl: order.account.accountUrl }
      return carryOut(redirectRequests(new AcmeClient(options), order), order)
    },
    close: async () => {},
  }
}

/** Where acme-client 5.4.0 sends its requests through, which is no part of its published types. */
type Http = {
  signedRequest(url: string, payload?: object | null): Promise<{ status: number; headers: object; data: unknown }>
  getDirectory(): Promise<object>
}

function redirectRequests(client: Client, order: EngineOrder): Client {
  const { http } = client as unknown as { http?: Partial<Http> }
  if (typeof http?.signedRequest !== 'function' || typeof http.getDirectory !== 'function') {
    throw new AcmeEngineUnfit('acme-client has no http.signedRequest and http.getDirectory')
  }
  http.signedRequest = async (url, payload) => {
    const { status, location, body } = await order.post(url, payload ?? undefined)
    return { status, headers: { location }, data: body }
  }
  http.getDirectory = async () => order.directory
  return client
}

async function carryOut(client: Client, order: EngineOrder): Promise<string> {
  const { names, csrPem } = order
  const identifiers = names.map((value) => ({ type: 'dns', value }))
  const placed = await client.createOrder({ identifiers })
  for (const authorization of await client.getAuthorizations(placed)) {
    if (authorization.status !== 'valid') await authorise(client, authorization, order)
  }
  const finalized = await client.finalizeOrder(placed, csrPem)
  const done = finalized.status === 'valid' ? finalized : await order.settle(placed.url, names.join(', '))
  const pem: unknown = await client.getCertificate({ ...placed, ...done })
  if (typeof pem !== 'string') throw new TypeError('what it issued is no text')
  return pem
}

async function authorise(client: Client, authorization: Authorization, order: EngineOrder): Promise<void> {
  const { value: name } = authorization.identifier
  const challenge = chooseChallenge(name, authorization.challenges, order.challengeTypes)
  const { type, token, url } = challenge
  await order.present({ type, name, wildcard: authorization.wildcard === true, token })
  await client.completeChallenge(challenge)
  await order.settle(url, name)
}
