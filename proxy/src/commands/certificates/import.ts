import { readFile } from 'node:fs/promises'
import { styleText } from 'node:util'
import type { CertificateImport, ImportOutcome } from '../../certificates/import.ts'
import { OWN_ISSUER } from '../../certificates/renewal.ts'
import { collect } from '../../collect.ts'
import { UsageInvalid } from '../../errors.ts'
import type { AutoSslEntry } from '../../store/auto-ssl.ts'
import { alignColumns, printable } from '../print.ts'
import type { Desk } from './desk.ts'
import type { Subcommand, Work } from './subcommand.ts'

const usage = 'see blot-edge certificates --help'
/** Names with a reason that are shown; --json has all of them. */
const shown = 200

export const importing: Subcommand = {
  name: 'import',
  options: ['from', 'prefix', 'dry-run', 'yes', 'pem', 'name'],
  words: { least: 0, most: 2 },
  async run(work) {
    const { values } = work.context
    if (values['pem'] === true) return importPem(work)
    if (values['from'] === undefined) throw new UsageInvalid(`give --from URL, or --pem CERTIFICATE KEY: ${usage}`)
    return importAutoSsl(work, String(values['from']))
  },
}

/** An operator's own certificate, or a customer's. */
async function importPem(work: Work): Promise<number> {
  const { context, words, desk } = work
  const [certificateFile, keyFile] = words
  if (certificateFile === undefined || keyFile === undefined) {
    throw new UsageInvalid(`--pem needs two files, CERTIFICATE and KEY: ${usage}`)
  }
  const [chainPem, privateKeyPem] = await Promise.all([readFile(certificateFile, 'utf8'), readFile(keyFile, 'utf8')])
  const { name: given } = context.values
  const names = Array.isArray(given) ? { names: given.map(String) } : {}
  const isTrial = context.values['dry-run'] === true
  const offered = { chainPem, privateKeyPem, issuer: OWN_ISSUER, ...names }
  const outcomes = await (await desk()).import(offered, isTrial)
  report(work, outcomes, isTrial)
  return outcomes.every(({ outcome }) => outcome !== 'skipped') ? 0 : 1
}

/** First all of it as a trial; then, if that is wished, in earnest. */
async function importAutoSsl(work: Work, from: string): Promise<number> {
  const { context, desk } = work
  const prefix = String(context.values['prefix'] ?? 'ssl')
  const read = await openSource(from, prefix)
  const opened = await desk()
  const tried = await take(work, opened, read(), true)
  if (context.values['dry-run'] === true) {
    report(work, tried, true)
    return 0
  }
  const count = tried.filter(({ outcome }) => outcome === 'taken').length
  if (count > 0 && context.values['yes'] !== true) {
    report(work, tried, true)
    if (!(await context.confirm(`Take ${count} ${count === 1 ? 'certificate' : 'certificates'}?`))) {
      throw new UsageInvalid('nothing was taken: say yes on a terminal, or give --yes')
    }
  }
  report(work, count === 0 ? tried : await take(work, opened, read(), false), false)
  return 0
}

type Read = () => AsyncIterable<AutoSslEntry> | Iterable<AutoSslEntry>

async function openSource(from: string, prefix: string): Promise<Read> {
  // Loaded here: the other commands need no Redis client to start.
  const { readAutoSslFolder, readAutoSslRedis } = await import('../../store/auto-ssl.ts')
  if (/^rediss?:\/\//.test(from)) return () => readAutoSslRedis(from, prefix)
  if (!from.startsWith('file:')) throw new UsageInvalid(`--from is redis://…, rediss://… or file:/folder: ${usage}`)
  // Read while we may: root's folder is closed to the edge's user.
  const entries = await collect(readAutoSslFolder(from.slice('file:'.length)))
  return () => entries
}

async function take(work: Work, desk: Desk, entries: ReturnType<Read>, isTrial: boolean): Promise<ImportOutcome[]> {
  const { stderr } = work.context
  const outcomes: ImportOutcome[] = []
  const verb = isTrial ? 'looked at' : 'done'
  for await (const { name, chainPem, privateKeyPem } of entries) {
    if (work.signal.aborted) {
      stderr.write(`\nblot-edge: stopped after ${outcomes.length}; each of those is whole, and the rest is as it was\n`)
      break
    }
    if (chainPem === undefined || privateKeyPem === undefined) {
      const reason = 'its record holds no fullchain_pem or no privkey_pem'
      outcomes.push({ name, outcome: 'skipped', reason, notAfterMs: undefined })
      continue
    }
    const offered: CertificateImport = { names: [name], chainPem, privateKeyPem }
    outcomes.push(...(await desk.import(offered, isTrial)))
    if (stderr.isTTY && outcomes.length % 100 === 0) stderr.write(`\r${outcomes.length} ${verb}`)
  }
  if (stderr.isTTY && outcomes.length >= 100) stderr.write('\r\u001b[K')
  return outcomes
}

function report({ context: { stdout }, json }: Work, outcomes: readonly ImportOutcome[], isTrial: boolean): void {
  if (json) {
    for (const outcome of outcomes) stdout.write(`${JSON.stringify({ ...outcome, trial: isTrial })}\n`)
    return
  }
  const counts = (['taken', 'same', 'kept', 'skipped'] as const).map(
    (kind) => [kind, outcomes.filter(({ outcome }) => outcome === kind).length] as const,
  )
  const words = {
    taken: isTrial ? 'would be taken' : 'taken',
    same: 'there already',
    kept: 'older than what is there',
    skipped: 'skipped',
  }
  stdout.write(alignColumns(counts.map(([kind, count]) => [String(count), words[kind]])))
  const skipped = outcomes.filter(({ reason }) => reason !== undefined)
  const rows = skipped
    .slice(0, shown)
    .map(({ name, reason = '' }) => [printable(name), styleText('dim', printable(reason), { stream: stdout })])
  if (rows.length > 0) stdout.write(`\nSkipped\n${alignColumns(rows)}`)
  if (skipped.length > shown) stdout.write(`  and ${skipped.length - shown} more: --json has all\n`)
}
