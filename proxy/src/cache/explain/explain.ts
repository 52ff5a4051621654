import { codeOf } from '../../errors.ts'
import type { RequestHead } from '../../request.ts'
import type { SiteKind } from '../../site/site.ts'
import { hasPageName } from '../key.ts'
import type { LatestPurge, PurgeLog } from '../purge-log.ts'
import { RULES, type Rule } from '../reasons.ts'
import { whyBypassed } from '../shared/request-form.ts'
import { answerKeyOf } from '../stored-answer.ts'
import { explainDisk } from './explain-disk.ts'
import { explainFile, type FilePlaces } from './explain-file.ts'
import type { CacheExplanation, DiskView, MemoryView, StoredView } from './view.ts'

export type ExplainOptions = FilePlaces & {
  /** Without a disk tier: undefined. */
  readonly diskDirectory: string | undefined
  readonly keepsAnswers: boolean
  /** The purges that are known here, for what lies on the disk. */
  readonly log: Pick<PurgeLog, 'verdict' | 'latest'>
  /** Asks the workers. @param tags of what lies on the disk. */
  readonly askWorkers?: (tags: readonly string[]) => Promise<readonly MemoryView[]>
  readonly now: () => number
}

const NO_DISK: DiskView = { stored: undefined, hasOthers: false, fault: undefined }

/** What the edge would do with a request, and why. It looks, and changes nothing. */
export async function explain(head: RequestHead, options: ExplainOptions): Promise<CacheExplanation> {
  const { diskDirectory, log, now } = options
  const key = answerKeyOf(head)
  const disk = diskDirectory === undefined ? NO_DISK : explainDisk(diskDirectory, head, log, now())
  const tags = disk.stored?.tags ?? []
  const memory = (await options.askWorkers?.(tags)) ?? null
  const files = lookForFile(head, options)
  const purges = [log.latest({ host: head.host, url: key, tags }), ...(memory ?? []).map(({ purge }) => purge)]
  const known = { file: files.file, memory, disk }
  return { key, ...decide(head, known, options), ...files, memory, disk, purge: latestOf(purges) }
}

function lookForFile(head: RequestHead, places: FilePlaces): Pick<CacheExplanation, 'file' | 'fileFault'> {
  try {
    return { file: explainFile(head, places), fileFault: undefined }
  } catch (error) {
    return { file: undefined, fileFault: codeOf(error) }
  }
}

function latestOf(purges: readonly (LatestPurge | undefined)[]): LatestPurge | undefined {
  return purges.reduce((latest, purge) => ((purge?.number ?? 0) > (latest?.number ?? 0) ? purge : latest), undefined)
}

type Known = Pick<CacheExplanation, 'file' | 'memory' | 'disk'>
type Decided = Pick<CacheExplanation, 'answers' | 'because'>

/** In the order in which a request is answered: files, memory, disk, the app. */
function decide(head: RequestHead, { file, memory, disk }: Known, options: ExplainOptions): Decided {
  if (file !== undefined) return { answers: file.kind, because: { words: file.rule, section: undefined } }
  const inMemory = (memory ?? []).flatMap(({ stored }) => stored).filter(({ isSelected }) => isSelected)
  const onDisk = disk.stored?.isSelected === true ? [disk.stored] : []
  const isSent = ({ reuse }: StoredView): boolean => reuse !== 'validate' && reuse !== 'purged'
  const [fromMemory, fromDisk] = [inMemory.find(isSent), onDisk.find(isSent)]
  if (fromMemory !== undefined) return { answers: 'memory', because: whySent(fromMemory) }
  if (fromDisk !== undefined && inMemory.length === 0) return { answers: 'disk', because: whySent(fromDisk) }

  const rule = whyBypassedHere(head, options) ?? (inMemory[0] ?? onDisk[0])?.rule
  return { answers: 'the app', because: rule ?? whyNotStored(head, memory, options) }
}

function whyBypassedHere(head: RequestHead, { keepsAnswers }: ExplainOptions): Rule | undefined {
  if (!keepsAnswers) return FOREIGN
  const bypass = whyBypassed(head, false)
  if (bypass === 'site') return SITES[head.site.kind] ?? RULES.site
  return bypass && RULES[bypass]
}

const FOREIGN: Rule = { words: 'the app is not Blot: nothing of it is kept (dev --upstream)', section: undefined }
const SITES: Partial<Record<SiteKind, Rule>> = {
  main: { words: 'the site itself: never stored', section: undefined },
  preview: { words: 'a preview: never stored', section: undefined },
  webhooks: { words: 'webhooks: never stored', section: undefined },
}

function whySent({ reuse, rule, leftS, lifetimeFrom: { words, section } }: StoredView): Rule {
  if (reuse !== 'fresh' && rule !== undefined) return rule
  return { words: `it is fresh for ${leftS} s more: ${words}`, section }
}

/** By what was decided last, whichever worker did. */
function whyNotStored(
  head: RequestHead,
  memory: readonly MemoryView[] | null,
  { pageFiles, now }: Pick<ExplainOptions, 'pageFiles' | 'now'>,
): Rule {
  const answered = (memory ?? []).flatMap(({ decisions }) => decisions?.answer ?? [])
  const [last] = answered.toSorted((left, right) => right.atMs - left.atMs)
  const ago =
    last === undefined ? '' : ` (${Math.max(0, Math.round((now() - last.atMs) / 1000))} s ago, ${last.status})`
  if (last?.why !== undefined) return { ...RULES[last.why], words: `not stored: ${RULES[last.why].words}${ago}` }
  if (last !== undefined) {
    return { words: `it was stored${ago}, and has been purged or had to make room since`, section: undefined }
  }
  if (pageFiles && head.site.pageFiles && hasPageName(head.target)) return RULES['page file']
  const words =
    memory === null ? 'nothing is stored on the disk' : 'nothing is stored, and nobody has asked for it lately'
  return { words, section: undefined }
}
