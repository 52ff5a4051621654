import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { Agent, request as ask } from 'undici'
import type { Pebble } from '../pebble.ts'

/** What a request meets instead of pebble; undefined lets it through. */
export type Whim =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }
  /** Nothing, ever. */
  | 'hang'
  /** The beginning of an answer, and the end of the connection. */
  | 'cut'
  /** Bytes that are no HTTP. */
  | 'noise'
  /** Pebble's answer, with these members in its JSON. */
  | { readonly merge: Record<string, unknown> }

export type Asked = { readonly path: string; readonly payload: Record<string, unknown> | undefined }

export type UnrulyCa = Pick<Pebble, 'directoryUrl' | 'caPem'> & {
  /** The phases of an order begin so: /dir, /nonce-plz, /sign-me-up, /order-plz, /authZ/, /chalZ/, /finalize-order/, /my-order/, /certZ/. */
  whim: (asked: Asked) => Whim | undefined
  readonly asked: Asked[]
  /** Resolves when a request for such a path came in. */
  heard(path: string): Promise<void>
}

/** Stands between an issuer and pebble, and misbehaves as it is told. */
export async function startUnrulyCa(t: Test, pebble: Pebble): Promise<UnrulyCa> {
  const agent = new Agent({ connect: { ca: pebble.caPem } })
  const origin = new URL(pebble.directoryUrl).origin
  const listeners = new Set<(path: string) => void>()
  const server = createServer({ cert: pebble.caPem, key: pebble.keyPem }, (request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url: path = '', method = '' } = request
    const body = (await request.setEncoding('utf8').toArray()).join('')
    const asked = { path, payload: payloadOf(body) }
    ca.asked.push(asked)
    const whim = ca.whim(asked)
    for (const listener of listeners) listener(path)
    if (whim === 'hang') return
    if (whim === 'noise') request.socket.end('\u0000\u0001 no HTTP at all\r\n\r\n')
    else if (whim === 'cut') {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"status":')
      request.socket.destroySoon()
    } else if (whim !== undefined && 'status' in whim) {
      response.writeHead(whim.status, whim.headers).end(whim.body)
    } else {
      const { host = '', 'content-type': type = 'text/plain' } = request.headers
      const options = { method: method as 'GET', dispatcher: agent, headers: { host, 'content-type': type } }
      const answer = await ask(`${origin}${path}`, { ...options, ...(body !== '' && { body }) })
      const text = await answer.body.text()
      const { 'content-length': _length, ...headers } = answer.headers
      const merged = whim === undefined ? text : JSON.stringify({ ...(JSON.parse(text) as object), ...whim.merge })
      response.writeHead(answer.statusCode, headers).end(merged)
    }
  }

  const ca: UnrulyCa = {
    directoryUrl: `https://127.0.0.1:${await listen(t, server, agent)}/dir`,
    caPem: pebble.caPem,
    whim: () => undefined,
    asked: [],
    heard: (beginning) =>
      new Promise((resolve) => {
        const listener = (path: string): void => {
          if (!path.startsWith(beginning)) return
          listeners.delete(listener)
          resolve()
        }
        listeners.add(listener)
      }),
  }
  return ca
}

async function listen(t: Test, server: Server, agent: Agent): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await agent.destroy()
  })
  return (server.address() as AddressInfo).port
}

/** Of a JWS; undefined for none and for POST-as-GET. */
function payloadOf(body: string): Record<string, unknown> | undefined {
  if (body === '') return undefined
  const { payload = '' } = JSON.parse(body) as { payload?: string }
  return payload === ''
    ? undefined
    : (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>)
}
