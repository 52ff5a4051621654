import { hash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { codeOf, RequestInvalid, WebhookUnkept, WebhookUnsigned } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Exchange } from '../request.ts'
import {
  deliveryFields,
  UNTRIED,
  type AppAnswer,
  type Courier,
  type Tried,
  type Webhook,
  type WebhookRequest,
} from './contracts.ts'
import type { Keeper } from './keep.ts'
import { MAX_ARRIVING_BYTES } from './limits.ts'
import type { Matcher } from './match.ts'
import { isDropbox, isSigned } from './signature.ts'
import { describe, judgeError, judgeStatus } from './verdict.ts'

export type AcceptOptions<Answer extends AppAnswer> = {
  readonly match: Matcher
  readonly keeper: Keeper
  readonly courier: Courier<Answer>
  /** All of a request body. `arrived` counts what comes of it, and says whether there is room. */
  collect(exchange: Exchange, arrived: (bytes: number) => boolean): Promise<Buffer>
  /** How long the app may take to begin its answer. */
  readonly answerMs: number
  /** Why the app may not be asked now; undefined when it may. */
  closed(): Error | undefined
  /** Is there nobody who takes requests? */
  isAway(): boolean
  /** What Dropbox signs with; undefined: no signature is checked here. */
  readonly secret: string | undefined
  commonHeaders(exchange: Exchange): readonly string[]
}

/**
 * Takes a request that is a webhook, or a challenge. Resolves with the answer of an app that has decided, or with undefined when the
 * exchange has been answered here. Rejects with what the sender is to be told.
 * @returns undefined for any other request.
 */
export type Acceptor<Answer> = (exchange: Exchange) => Promise<Answer | undefined> | undefined

type Asked<Answer> = { readonly answer: Answer } | { readonly tried: Tried }

/** What a challenge may be made of that is said by us: nothing that could be taken for more than text. */
const CHALLENGE = /^[A-Za-z0-9+/=._~-]{1,256}$/
const NEVER = new AbortController().signal

const webhooks = edgeChannel('webhook')

export function createAcceptor<Answer extends AppAnswer>(options: AcceptOptions<Answer>): Acceptor<Answer> {
  const { match, keeper, courier, secret } = options
  let arriving = 0

  function collect(exchange: Exchange): Promise<Buffer> {
    let bytes = 0
    exchange.response.once('close', () => (arriving -= bytes))
    return options.collect(exchange, (count) => {
      bytes += count
      arriving += count
      return arriving <= MAX_ARRIVING_BYTES
    })
  }

  async function take(exchange: Exchange, path: string): Promise<Answer | undefined> {
    const { id } = exchange.head
    const request = courier.prepare(exchange.head, await collect(exchange))
    const webhook: Webhook = { id, path, digest: digestOf(request), acceptedAtMs: Date.now(), request }
    const why = await whyKept(path)
    if (why !== undefined) return keep(exchange, webhook, UNTRIED, why)
    const asked = await ask(request, deliveryFields(id, 1))
    return 'answer' in asked ? asked.answer : keep(exchange, webhook, asked.tried, 'the app did not take it')
  }

  /** Why it is kept without the app being asked. */
  async function whyKept(path: string): Promise<string | undefined> {
    if (options.closed() !== undefined) return 'maintenance'
    if (await keeper.hasWaiting(path)) return 'others wait'
    return options.isAway() ? 'the app is away' : undefined
  }

  async function ask(request: WebhookRequest, headers: readonly string[]): Promise<Asked<Answer>> {
    try {
      const answer = await courier.send(request, { headers, limitMs: options.answerMs, signal: NEVER })
      const { status } = answer
      const verdict = judgeStatus(status)
      // What is wrong with the request is for its sender to hear; what is wrong with the app is not.
      if (verdict === 'taken' || (verdict === 'refused' && status < 500)) return { answer }
      answer.discard()
      return { tried: { attempts: 1, failures: verdict === 'refused' ? 1 : 0, error: describe(status) } }
    } catch (error) {
      const verdict = judgeError(error)
      if (verdict === undefined || !(error instanceof Error)) throw error
      // Unless nobody has seen it, the app may have acted on it: once more, under the same id, is better than never.
      return { tried: verdict === 'unseen' ? UNTRIED : { attempts: 1, failures: 0, error: describe(error) } }
    }
  }

  async function keep(exchange: Exchange, webhook: Webhook, tried: Tried, why: string): Promise<undefined> {
    const { path, request } = webhook
    const event = { id: webhook.id, path, attempts: tried.attempts }
    if (secret !== undefined && isDropbox(path) && !isSigned(request.body, exchange.head, secret)) {
      webhooks.publish({ ...event, phase: 'refused', reason: 'wrong signature' })
      throw new WebhookUnsigned()
    }
    const id = await keeper.keep(webhook, tried).catch((error: unknown) => {
      webhooks.publish({ ...event, phase: 'refused', reason: codeOf(error) })
      throw new WebhookUnkept(codeOf(error), { cause: error })
    })
    const reason = [why, tried.error, id === webhook.id ? undefined : `as ${id}`].filter(Boolean).join(': ')
    exchange.reason = `webhook kept: ${reason}`
    webhooks.publish({ ...event, id, phase: 'kept', reason })
    say(exchange, 'kept for the app\n', ['Edge-Webhook-Id', id])
    return undefined
  }

  async function greet(exchange: Exchange, challenge: string): Promise<Answer | undefined> {
    const body = await collect(exchange)
    if (options.closed() === undefined && !options.isAway()) {
      const asked = await ask(courier.prepare(exchange.head, body), [])
      if ('answer' in asked) return asked.answer
    }
    if (!CHALLENGE.test(challenge)) throw new RequestInvalid()
    exchange.reason = 'challenge answered for the app'
    say(exchange, challenge, [])
    return undefined
  }

  /** In text that nothing can take for HTML: the common headers say `nosniff`. */
  function say(exchange: Exchange, text: string, headers: readonly string[]): void {
    const response = exchange.response as ServerResponse
    const body = Buffer.from(text)
    exchange.bytes = body.length
    const own = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)]
    response.writeHead(200, [...options.commonHeaders(exchange), ...own, 'Cache-Control', 'no-store', ...headers])
    response.end(body)
  }

  return (exchange) => {
    const matched = match(exchange.head)
    if (matched === undefined) return undefined
    return matched.kind === 'webhook' ? take(exchange, matched.path) : greet(exchange, matched.challenge)
  }
}

/** Of target and body: a query may be a part of what is said. */
function digestOf({ target, body }: WebhookRequest): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${target}\n`, 'latin1'), body]))
}
