import type { RequestHead } from '../request.ts'
import type { AnswerNames } from './purge-log.ts'
import type { AnswerHead } from './rules/answer-head.ts'
import { readHead, type StoredHead } from './rules/stored-head.ts'
import { isSameVary, selectionOf, type VaryNames } from './rules/vary.ts'
import { tagsOf } from './tags.ts'

/** What is known of an answer of the app that is kept; its body lies in memory or in a file. */
export type StoredAnswer = {
  /** `scheme://host/target?query` of its request. */
  readonly key: string
  /** By which purges find it. */
  readonly names: AnswerNames
  readonly vary: VaryNames
  /** What its request said in those fields (`selectionOf`): another one that says the same may have it. */
  readonly selection: string
  readonly head: StoredHead
  /** The number of the latest purge when its request was sent. */
  readonly since: number
  /** Stale before its time, by a soft purge or by what the app said of it since. */
  readonly isStale: boolean
}

/** The whole target: each query is an answer of its own. */
export function answerKeyOf({ scheme, host, target }: Pick<RequestHead, 'scheme' | 'host' | 'target'>): string {
  return `${scheme}://${host}${target}`
}

/** Puts together what is stored of an answer. @returns undefined if its tags cannot be kept. */
export function describeStored(
  request: RequestHead,
  head: AnswerHead,
  { vary, since, untilPurged }: { vary: VaryNames; since: number; untilPurged: boolean },
): StoredAnswer | undefined {
  const tags = tagsOf(head.fields)
  if (tags === undefined) return undefined
  const key = answerKeyOf(request)
  return {
    key,
    names: { host: request.host, url: key, tags },
    vary,
    selection: selectionOf(vary, request.rawHeaders),
    head: readHead(head, { untilPurged }),
    since,
    isStale: false,
  }
}

/** May this request have it, by what it says in the fields that `Vary` names (RFC 9111 4.1)? */
export function selects({ vary, selection }: StoredAnswer, head: RequestHead): boolean {
  return vary.length === 0 || selectionOf(vary, head.rawHeaders) === selection
}

/** The first that this request may have. What it says in fields by which several of them vary is read once. */
export function findSelected<Kept extends { readonly stored: StoredAnswer }>(
  kept: readonly Kept[],
  { rawHeaders }: RequestHead,
): Kept | undefined {
  let names: VaryNames | undefined
  let selection = ''
  return kept.find(({ stored }) => {
    if (stored.vary.length === 0) return true
    if (names === undefined || !isSameVary(stored.vary, names)) {
      names = stored.vary
      selection = selectionOf(names, rawHeaders)
    }
    return selection === stored.selection
  })
}

/** What a tag costs besides its letters: in the list of its answer, and in the index of those that have it. */
const TAG_BYTES = 300

/** What the head costs in memory that an app makes as long as it likes: fields, tags, and what selects it. */
export function headBytesOf({ head, names, selection }: StoredAnswer): number {
  let bytes = selection.length
  for (const text of head.fields) bytes += text.length
  for (const tag of names.tags) bytes += tag.length + TAG_BYTES
  return bytes
}
