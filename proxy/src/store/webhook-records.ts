import type { WebhookQueue, WebhookView } from '../webhooks/contracts.ts'

/** A webhook as a backend keeps it: what is to be sent is a text that it cannot read. */
export type WebhookRecord = WebhookView & {
  readonly digest: string
  readonly content: string
}

/** What differs between files and Redis; `WebhookQueue` says what is meant. */
export type WebhookRecords = Pick<
  WebhookQueue,
  'hasWaiting' | 'paths' | 'next' | 'begin' | 'note' | 'remove' | 'bury' | 'find' | 'list' | 'counts'
> & {
  /** @param record one that waits. @returns the id under which it is kept; undefined when there is no room. */
  add(record: WebhookRecord): Promise<string | undefined>
  read(id: string): Promise<WebhookRecord | undefined>
  retry(id: string): Promise<'done' | 'absent' | 'full'>
}
