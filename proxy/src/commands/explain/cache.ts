import { join } from 'node:path'
import type { ExplainQuestion } from '../../admin/contracts.ts'
import type { Config } from '../../config.ts'
import { AdminUnavailable } from '../../errors.ts'
import type { UrlExplanation } from '../../lifecycle/explain.ts'
import { askAdmin, isNobodyThere, locateAdmin } from '../ask-admin.ts'
import type { CommandContext } from '../command.ts'

/** Longer than the edge waits for its workers. */
const SILENCE_MS = 15_000

/**
 * What the running edge says of a URL; where none runs, what lies on disk, as far as this user may read it.
 * @param config undefined: it has faults, and only a running edge can tell.
 */
export async function explainCache(
  context: CommandContext,
  question: ExplainQuestion,
  config: Config | undefined,
): Promise<UrlExplanation> {
  const { scheme, authority, target, headers } = question
  const query = new URLSearchParams({ url: `${scheme}://${authority}${target}` })
  for (let i = 0; i + 1 < headers.length; i += 2) query.append('header', `${headers[i]}: ${headers[i + 1]}`)
  try {
    const path = `/explain?${query.toString()}`
    return parse(await askAdmin(await locateAdmin(context), { path, silenceMs: SILENCE_MS }))
  } catch (error) {
    if (!isNobodyThere(error)) throw error
    const known = config ?? (await context.resolve('run')).config
    return explainFromDisk(question, known)
  }
}

async function explainFromDisk(question: ExplainQuestion, config: Config): Promise<UrlExplanation> {
  const { recallPurges } = await import('../../cache/purge-log.ts')
  const { readPurgeJournal } = await import('../../cache/purge-journal.ts')
  const { openExplainer } = await import('../../lifecycle/explain.ts')
  const kept = await readPurgeJournal(join(config.dataDirectory, 'purges'))
  return openExplainer(config)(question, recallPurges(kept))
}

function parse(text: string): UrlExplanation {
  try {
    const explanation = JSON.parse(text) as Partial<UrlExplanation> | null
    if (typeof explanation?.key === 'string' && typeof explanation.because === 'object') {
      return explanation as UrlExplanation
    }
  } catch {
    // Said below.
  }
  throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
}
