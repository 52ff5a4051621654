import { styleText } from 'node:util'
import type { FileView, MemoryView, StoredView } from '../../cache/explain/view.ts'
import type { LatestPurge } from '../../cache/purge-log.ts'
import { RULES, type Rule } from '../../cache/reasons.ts'
import type { UrlExplanation } from '../../lifecycle/explain.ts'
import type { Explanation } from '../explain.ts'
import { alignColumns, formatSize, formatDuration, printable } from '../print.ts'

type Row = readonly [label: string, value: string]

/** As a table of two columns, under the name or the URL. */
export function render(
  { host, site, permission, certificate, cache }: Explanation,
  stream: NodeJS.WriteStream,
): string {
  const rows: Row[] = [
    ['site', KINDS[site] ?? site],
    ['permission', permission],
    ['certificate', certificate.words],
    ...(cache === undefined ? [] : cacheRows(cache, Date.now())),
  ]
  const dim = ([label, value]: Row): string[] => [styleText('dim', label, { stream }), printable(value)]
  return `${styleText('bold', printable(cache?.url ?? host), { stream })}\n${alignColumns(rows.map(dim))}`
}

function cacheRows(
  { key, answers, because, file, fileFault, memory, disk, purge }: UrlExplanation,
  nowMs: number,
): Row[] {
  const inMemory = memory?.flatMap(({ stored }) => stored) ?? []
  const stored = [...inMemory, disk.stored].find((view) => view?.isSelected === true)
  return [
    ['key', key],
    ['answers', answers],
    ['because', inWords(because)],
    ...(fileFault === undefined ? [] : [['files', `cannot be looked for (${fileFault})`] as const]),
    ...(file === undefined ? [] : fileRows(file, nowMs)),
    ...(stored === undefined ? [] : storedRows(stored)),
    ...memoryRows(memory, nowMs),
    ['disk', diskInWords(disk)],
    ...latelyRows(memory, nowMs),
    ['last purge', purge === undefined ? 'none that is remembered' : purgeInWords(purge, nowMs)],
  ]
}

function inWords({ words, section }: Rule): string {
  return section === undefined ? words : `${words} (${section})`
}

function fileRows({ kind, path, bytes, codings = [], modifiedAtMs, cacheControl }: FileView, nowMs: number): Row[] {
  if (kind === 'redirect') return [['folder', path]]
  const copies = codings.length === 0 ? '' : `, beside it ${codings.join(', ')}`
  const age = modifiedAtMs === undefined ? '' : `, written ${ago(modifiedAtMs, nowMs)}`
  return [
    ['file', path],
    ['', `${formatSize(bytes ?? 0)}${copies}${age}`],
    ['sent with', `Cache-Control: ${cacheControl}`],
  ]
}

function storedRows(stored: StoredView): Row[] {
  const { ageS, lifetimeS, lifetimeFrom, leftS, whileRevalidatingS, ifErrorS, vary, selection, tags } = stored
  const left = leftS > 0 ? `${seconds(leftS)} left` : `stale for ${seconds(-leftS)}`
  const windows = `${seconds(whileRevalidatingS)} while the app is asked, ${seconds(ifErrorS)} while it is away`
  return [
    ['age', seconds(ageS)],
    ['freshness', `${seconds(lifetimeS)} by ${inWords(lifetimeFrom)}; ${left}`],
    ['sent stale', windows],
    ...(vary.length === 0 ? [] : [['varies by', selection.split('\n').join('; ')] as const]),
    ['tags', tags.length === 0 ? 'none' : tags.join(', ')],
  ]
}

function memoryRows(memory: readonly MemoryView[] | null, nowMs: number): Row[] {
  if (memory === null) return [['memory', 'unknown: no edge is running here']]
  const lines = memory.flatMap(({ process, file, stored }) => {
    const files =
      file === undefined ? [] : [`the file, as ${file.codings.join(', ')}; looked at ${ago(file.checkedAtMs, nowMs)}`]
    const all = [...files, ...stored.map(storedInWords)]
    return (all.length === 0 ? ['nothing'] : all).map((line) => `${process}: ${line}`)
  })
  return lines.map((line, index) => [index === 0 ? 'memory' : '', line])
}

function storedInWords({ status, bytes, codings, isSelected, selection, reuse }: StoredView): string {
  const copies = codings.length === 0 ? '' : `, also as ${codings.join(', ')}`
  const whom = isSelected ? '' : `, for other requests: ${selection.split('\n').join('; ')}`
  return `${status}, ${formatSize(bytes)}${copies}, ${REUSE[reuse]}${whom}`
}

const REUSE: Readonly<Record<StoredView['reuse'], string>> = {
  fresh: 'fresh',
  revalidating: 'stale, sent while the app is asked',
  stale: 'stale, sent as the request takes it so',
  validate: 'to be confirmed by the app',
  purged: 'purged',
}

function diskInWords({ stored, hasOthers, fault }: UrlExplanation['disk']): string {
  if (fault === 'EACCES') return 'may only be looked at by the edge’s user and by root'
  if (fault !== undefined) return `cannot be looked at (${fault})`
  if (stored !== undefined) return storedInWords(stored)
  return hasOthers ? 'nothing, but for other requests' : 'nothing'
}

/** A request that was not answered from what is stored says nothing of the answer: it is told apart. */
function latelyRows(memory: readonly MemoryView[] | null, nowMs: number): Row[] {
  const requests = (memory ?? []).flatMap(({ decisions }) => decisions?.request ?? [])
  const [last] = requests.toSorted((left, right) => right.atMs - left.atMs)
  return last === undefined ? [] : [['passed by', `a request, ${ago(last.atMs, nowMs)}: ${inWords(RULES[last.why])}`]]
}

function purgeInWords({ name, soft, atMs }: LatestPurge, nowMs: number): string {
  return `${name}${soft ? ', soft' : ''}${atMs === undefined ? '' : `, ${ago(atMs, nowMs)}`}`
}

function ago(atMs: number, nowMs: number): string {
  return `${formatDuration(nowMs - atMs)} ago`
}

function seconds(count: number): string {
  return formatDuration(count * 1000)
}

const KINDS: Readonly<Record<string, string>> = {
  main: 'the site itself ($BLOT_HOST or www.), https only, never cached',
  handle: 'a blog, by its handle',
  preview: 'a preview of a template, never cached',
  cdn: 'static files of the cdn',
  webhooks: 'webhooks, passed to the app',
  domain: "a customer's own domain",
}
