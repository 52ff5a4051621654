import { fieldsOf, type Parsed } from './certificate-request.ts'
import type { WebhookState, WebhookView } from './contracts.ts'

export type { Parsed } from './certificate-request.ts'

const LIMIT = 100
const MAX_LIMIT = 1000

/** The query of `GET /webhooks`; without a state, all are meant. */
export function parseWebhookList(query: unknown): Parsed<{ state: WebhookState | undefined; limit: number }> {
  const { state, limit = String(LIMIT), ...others } = fieldsOf(query)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return { error: `unknown parameter ${JSON.stringify(unknown.slice(0, 40))}` }
  if (state !== undefined && !isState(state)) return { error: 'state is waiting or dead' }
  const count = Number(limit)
  if (!Number.isInteger(count) || count < 1 || count > MAX_LIMIT) return { error: `limit is from 1 to ${MAX_LIMIT}` }
  return { value: { state, limit: count } }
}

/** The query of `DELETE /webhooks`: which ones must be said. */
export function parseWebhookDrop(query: unknown): Parsed<WebhookState> {
  const { state, ...others } = fieldsOf(query)
  if (!isState(state) || Object.keys(others).length > 0) return { error: 'say which: ?state=dead, or ?state=waiting' }
  return { value: state }
}

export async function firstOf(views: AsyncIterable<WebhookView>, limit: number): Promise<WebhookView[]> {
  const first: WebhookView[] = []
  for await (const view of views) {
    first.push(view)
    if (first.length === limit) break
  }
  return first
}

function isState(value: unknown): value is WebhookState {
  return value === 'waiting' || value === 'dead'
}
