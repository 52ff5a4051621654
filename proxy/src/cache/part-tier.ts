import type { RequestHead } from '../request.ts'
import { bytesOfPart, combine, type KeptPart } from './kept-part.ts'
import type { Memory } from './memory.ts'
import type { PurgeLog } from './purge-log.ts'
import { answerKeyOf, selects } from './stored-answer.ts'

/** Parts of answers of the app, in memory only: what somebody has asked for of a film. */
export type PartTier = {
  /** Larger bodies are not kept. */
  readonly maxBytes: number
  /** Of what such a request selects, the latest first. */
  find(head: RequestHead): readonly KeptPart[]
  /**
   * Stores a part, together with those that it can be put together with, unless a purge since its request is about it.
   * @returns the whole, when all of it is there: that is no part any more.
   */
  put(part: KeptPart): KeptPart | undefined
}

/** Of one URL. */
const MAX_PARTS = 8

export function createPartTier(memory: Memory, log: PurgeLog, maxBytes: number): PartTier {
  return {
    maxBytes,

    find(head) {
      return memory.get(answerKeyOf(head))?.parts.filter(({ stored }) => selects(stored, head)) ?? []
    },

    put(part) {
      const { key, names, since, selection } = part.stored
      if (log.verdict(names, since) !== 'keep') return undefined
      let whole = part
      const others: KeptPart[] = []
      for (const other of memory.peek(key)?.parts ?? []) {
        const combined = combine(other, whole)
        if (combined !== undefined && bytesOfPart(combined) <= maxBytes) whole = combined
        // What is not of the same is of an older one.
        else if (other.stored.selection !== selection || isSame(other, part)) others.push(other)
      }
      const isWhole = whole.span.start === 0 && whole.span.end === whole.size
      memory.putParts(key, isWhole ? others : [whole, ...others].slice(0, MAX_PARTS))
      return isWhole ? whole : undefined
    },
  }
}

/** Of the same representation, as far as anybody can tell: one tag, weak or strong. */
function isSame({ representation: { tag } }: KeptPart, other: KeptPart): boolean {
  return tag !== undefined && tag === other.representation.tag
}
