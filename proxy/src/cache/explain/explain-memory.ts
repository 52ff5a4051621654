import type { RequestHead } from '../../request.ts'
import { keyOf } from '../key.ts'
import type { Memory } from '../memory.ts'
import type { PurgeLog } from '../purge-log.ts'
import type { Decisions } from '../shared/decisions.ts'
import { answerKeyOf } from '../stored-answer.ts'
import { viewStored } from './stored-view.ts'
import type { MemoryView } from './view.ts'

export type MemoryRooms = {
  readonly memory: Memory
  readonly log: PurgeLog
  readonly decisions: Decisions
  readonly now: () => number
}

/**
 * What a worker knows of a URL. It looks, and changes nothing: not even the order of last use.
 * @param tags of what lies on the disk: purges find it by them too.
 */
export function explainMemory(
  head: RequestHead,
  tags: readonly string[],
  { memory, log, decisions, now }: MemoryRooms,
): Omit<MemoryView, 'process'> {
  const key = answerKeyOf(head)
  const { answers = [] } = memory.peek(key) ?? {}
  const shelf = memory.peek(keyOf(head))?.file
  const entries = [...(shelf?.entries ?? [])]
  const allTags = new Set([...tags, ...answers.flatMap(({ stored }) => stored.names.tags)])
  return {
    file:
      entries.length === 0
        ? undefined
        : {
            codings: entries.map(([coding]) => coding ?? 'identity'),
            checkedAtMs: Math.max(...entries.map(([, { checkedAtMs }]) => checkedAtMs)),
          },
    stored: answers.map(({ stored, body, codings }) =>
      viewStored(stored, { bytes: body.length, codings, verdict: 'keep' }, head, now()),
    ),
    decisions: decisions.of(key),
    purge: log.latest({ host: head.host, url: key, tags: [...allTags] }),
  }
}
