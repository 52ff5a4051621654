import { closeSync, readSync } from 'node:fs'
import type { RequestHead } from '../request.ts'
import { chooseCoding } from '../static/coding.ts'
import { createCopier } from './copies.ts'
import type { DiskTier } from './disk/disk-tier.ts'
import type { Found } from './found.ts'
import { keepAnswer, type KeptAnswer } from './kept-answer.ts'
import type { Memory } from './memory.ts'
import type { PurgeLog } from './purge-log.ts'
import { representAnswer } from './represent-answer.ts'
import { answerKeyOf, findSelected, selects, type StoredAnswer } from './stored-answer.ts'
import { tagsOf } from './tags.ts'

/** A stored answer with its body, in memory or in a file that is open: whoever does not deliver that one lets go of it. */
export type FoundAnswer = { readonly stored: StoredAnswer } & (
  | { readonly kind: 'kept'; readonly kept: KeptAnswer }
  | { readonly kind: 'open'; readonly size: number; readonly descriptor: number }
)

/** Answers of the app, as stored: memory over disk. */
export type AnswerTier = {
  /** What is stored for such a request, fresh or not; without files being looked at. */
  peek(head: RequestHead): KeptAnswer | undefined
  /** The same, on disk as well. */
  find(head: RequestHead): FoundAnswer | undefined
  /** Is anything stored under the key of a request, though not for such requests (RFC 9111 4.1)? */
  hasOthers(head: RequestHead): boolean
  /** Stores an answer, unless a purge since its request was sent is about it. */
  put(stored: StoredAnswer, body: Buffer): void
  /** The same body under a newer head. @returns what is to be delivered now, whether or not it may stay. */
  refresh(found: FoundAnswer, head: StoredAnswer['head'], since: number): FoundAnswer
  /** Nothing stored for this request may be used without asking the app. */
  expire(found: FoundAnswer): void
  /** Nothing that is stored under this key may be used any more. */
  drop(key: string): void
  /** What visitors get of it. */
  deliverable(found: FoundAnswer, head: RequestHead): Found
  release(found: FoundAnswer): void
}

export type AnswerTierOptions = {
  readonly memory: Memory
  readonly disk: DiskTier | undefined
  readonly log: PurgeLog
  /** Larger bodies stay in their files. */
  readonly maxMemoryBytes: number
}

const NONE: readonly KeptAnswer[] = []
/** Variants of one URL that are kept in memory. */
const MAX_VARIANTS = 32

export function createAnswerTier({ memory, disk, log, maxMemoryBytes }: AnswerTierOptions): AnswerTier {
  const makeCopies = createCopier(memory)

  function peek(head: RequestHead): KeptAnswer | undefined {
    return findSelected(memory.get(answerKeyOf(head))?.answers ?? NONE, head)
  }

  function keep(kept: KeptAnswer): KeptAnswer {
    const { key, vary } = kept.stored
    const others = memory.get(key)?.answers.filter(({ stored }) => stored.selection !== kept.stored.selection) ?? []
    // An answer without Vary is for everybody, and takes the place of all.
    memory.putAnswers(key, vary.length === 0 ? [kept] : [kept, ...others.slice(0, MAX_VARIANTS - 1)])
    return kept
  }

  function findOnDisk(head: RequestHead): FoundAnswer | undefined {
    const read = disk?.find(answerKeyOf(head), head.rawHeaders)
    if (read === undefined) return undefined
    const verdict = log.verdict(read.stored.names, read.stored.since)
    const isOurs = read.stored.key === answerKeyOf(head) && selects(read.stored, head)
    if (verdict === 'drop' || !isOurs) {
      if (read.kind === 'open') closeSync(read.descriptor)
      disk?.drop(read.stored)
      return undefined
    }
    const stored = verdict === 'stale' ? { ...read.stored, isStale: true } : read.stored
    if (read.kind === 'open') return { ...read, stored }
    return { kind: 'kept', stored, kept: keep(keepAnswer(stored, read.body)) }
  }

  function put(asked: StoredAnswer, body: Buffer, copies?: KeptAnswer['copies']): void {
    const verdict = log.verdict(asked.names, asked.since)
    if (verdict === 'drop') return
    const stored = verdict === 'stale' ? { ...asked, isStale: true } : asked
    if (body.length <= maxMemoryBytes) keep(keepAnswer(stored, body, copies))
    else forget(stored)
    void disk?.put(stored, body)
  }

  function forget({ key, selection }: StoredAnswer): void {
    const answers = memory.get(key)?.answers
    if (answers !== undefined)
      memory.putAnswers(
        key,
        answers.filter(({ stored }) => stored.selection !== selection),
      )
  }

  return {
    peek,
    put: (stored, body) => put(stored, body),
    find(head) {
      const kept = peek(head)
      return kept === undefined ? findOnDisk(head) : { kind: 'kept', stored: kept.stored, kept }
    },
    hasOthers(head) {
      const key = answerKeyOf(head)
      return (memory.get(key)?.answers.length ?? 0) > 0 || disk?.hasVariants(key) === true
    },
    refresh(found, head, since) {
      const { names, vary, selection, key } = found.stored
      const tags = tagsOf(head.fields) ?? names.tags
      const stored: StoredAnswer = { key, names: { ...names, tags }, vary, selection, head, since, isStale: false }
      const body = bodyOf(found)
      const copies = found.kind === 'kept' ? found.kept.copies : undefined
      put(stored, body, copies)
      return { kind: 'kept', stored, kept: peekSame(memory, stored) ?? keepAnswer(stored, body, copies) }
    },
    expire({ stored }) {
      const answers = memory.get(stored.key)?.answers ?? []
      const stale = (kept: KeptAnswer): KeptAnswer => ({ ...kept, stored: { ...kept.stored, isStale: true } })
      memory.putAnswers(
        stored.key,
        answers.map((kept) => (kept.stored.selection === stored.selection ? stale(kept) : kept)),
      )
      disk?.drop(stored)
    },
    drop(key) {
      for (const { stored } of memory.get(key)?.answers ?? []) disk?.drop(stored)
      memory.putAnswers(key, [])
      disk?.dropKey(key)
    },
    deliverable(found, head) {
      if (found.kind === 'kept' && head.headers['accept-encoding'] !== undefined) makeCopies(found.kept)
      return toDeliver(found, head)
    },
    release(found) {
      if (found.kind === 'open') closeSync(found.descriptor)
    },
  }
}

function toDeliver(found: FoundAnswer, { headers }: RequestHead): Found {
  if (found.kind === 'open') {
    const { stored, size, descriptor } = found
    const representation = representAnswer(stored, { coding: undefined, size, varies: false })
    return { kind: 'open', representation, descriptor, stored: stored.head }
  }
  const { ready, codings } = found.kept
  // A part is one of the body as the app sent it: tags of copies are weak.
  const coding = headers.range === undefined ? chooseCoding(headers['accept-encoding']?.toString(), codings) : undefined
  const body = ready.get(coding) ?? ready.get(undefined)
  if (body === undefined) throw new TypeError('an answer is kept without its body')
  return body
}

function peekSame(memory: Memory, stored: StoredAnswer): KeptAnswer | undefined {
  return memory.get(stored.key)?.answers.find((kept) => kept.stored === stored)
}

function bodyOf(found: FoundAnswer): Buffer {
  if (found.kind === 'kept') return found.kept.body
  const body = Buffer.allocUnsafeSlow(found.size)
  for (let filled = 0, read = 1; read > 0 && filled < body.length; filled += read) {
    read = readSync(found.descriptor, body, filled, body.length - filled, filled)
  }
  closeSync(found.descriptor)
  return body
}
