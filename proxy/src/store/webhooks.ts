import type { Locker } from '../certificates/contracts.ts'
import { WebhookDamaged, WebhooksFull } from '../errors.ts'
import { UNTRIED, type Webhook, type WebhookQueue, type WebhookRequest } from '../webhooks/contracts.ts'
import { parseObject } from './parse-object.ts'
import type { Sealer } from './seal.ts'
import type { WebhookRecord, WebhookRecords } from './webhook-records.ts'

/** Under which whoever delivers is the only one. */
const LEAD = 'webhooks'

/** What is written once for files and Redis. With EDGE_STORE_KEY, heads and bodies are sealed. */
export function createWebhookQueue(records: WebhookRecords, locker: Locker, sealer: Sealer): WebhookQueue {
  return {
    ...records,
    async add(webhook, tried = UNTRIED) {
      const { id, path, digest, acceptedAtMs, request } = webhook
      const record: WebhookRecord = {
        ...tried,
        id,
        path,
        digest,
        acceptedAtMs,
        state: 'waiting',
        sinceMs: acceptedAtMs,
        bytes: request.body.length,
        triedAtMs: tried.attempts === 0 ? undefined : acceptedAtMs,
        content: sealer.seal(format(request), labelOf(id)),
      }
      const kept = await records.add(record)
      if (kept === undefined) throw new WebhooksFull()
      return kept
    },
    async read(id) {
      const record = await records.read(id)
      return record && parse(record, sealer)
    },
    async retry(id) {
      const outcome = await records.retry(id)
      if (outcome === 'full') throw new WebhooksFull()
      return outcome === 'done'
    },
    lead: (signal) => locker.acquire(LEAD, signal),
  }
}

function format({ method, target, headers, body }: WebhookRequest): string {
  return JSON.stringify({ method, target, headers, body: body.toString('base64') })
}

function parse({ id, path, digest, acceptedAtMs, content }: WebhookRecord, sealer: Sealer): Webhook {
  const { plain } = sealer.open(content, labelOf(id))
  const { method, target, headers, body } = (plain === undefined ? undefined : parseObject(plain)) ?? {}
  const isWhole = [method, target, body].every((field) => typeof field === 'string') && Array.isArray(headers)
  if (!isWhole) throw new WebhookDamaged(id)
  const request = { method: String(method), target: String(target), headers: headers.map(String) }
  return { id, path, digest, acceptedAtMs, request: { ...request, body: Buffer.from(String(body), 'base64') } }
}

function labelOf(id: string): string {
  return `webhook:${id}`
}
