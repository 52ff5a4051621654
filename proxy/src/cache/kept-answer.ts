import type { Coding } from '../static/coding.ts'
import { isCompressible } from './compress.ts'
import type { ReadyBody } from './found.ts'
import { representAnswer } from './represent-answer.ts'
import { headBytesOf, type StoredAnswer } from './stored-answer.ts'

/** An answer of the app in memory, ready to be sent in each coding that there is. */
export type KeptAnswer = {
  readonly stored: StoredAnswer
  readonly body: Buffer
  readonly copies: ReadonlyMap<Coding, Buffer>
  /** The codings of the copies. */
  readonly codings: readonly Coding[]
  readonly ready: ReadonlyMap<Coding | undefined, ReadyBody>
  readonly isCompressible: boolean
  /** Copies have been asked for. */
  isCompressing: boolean
  /** When it was last seen that no page file stands before it. */
  filesCheckedAtMs: number
}

export function keepAnswer(
  stored: StoredAnswer,
  body: Buffer,
  copies: ReadonlyMap<Coding, Buffer> = new Map(),
): KeptAnswer {
  const varies = isCompressible(stored.head.status, stored.head.fields, body.length)
  const ready = new Map<Coding | undefined, ReadyBody>()
  for (const [coding, bytes] of [[undefined, body] as const, ...copies]) {
    const representation = representAnswer(stored, { coding, size: bytes.length, varies })
    ready.set(coding, { kind: 'ready', representation, body: bytes, stored: stored.head })
  }
  return {
    stored,
    body,
    copies,
    codings: [...copies.keys()],
    ready,
    isCompressible: varies,
    isCompressing: copies.size > 0,
    filesCheckedAtMs: 0,
  }
}

/** What it costs besides its bodies, head and key: objects, places in maps; rounded up. */
const ANSWER_BYTES = 4096

export function bytesOf({ body, copies, stored }: KeptAnswer): number {
  let bytes = ANSWER_BYTES + body.length + headBytesOf(stored)
  for (const copy of copies.values()) bytes += copy.length + ANSWER_BYTES / 2
  return bytes
}

/** The same, stale from now on. */
export function softened(kept: KeptAnswer): KeptAnswer {
  return { ...kept, stored: { ...kept.stored, isStale: true } }
}
