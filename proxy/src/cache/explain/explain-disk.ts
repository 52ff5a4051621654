import { codeOf } from '../../errors.ts'
import type { RequestHead } from '../../request.ts'
import { inspectAnswer } from '../disk/inspect.ts'
import type { PurgeLog } from '../purge-log.ts'
import { answerKeyOf } from '../stored-answer.ts'
import { viewStored } from './stored-view.ts'
import type { DiskView } from './view.ts'

/** What the disk tier has of a URL. It looks, and changes nothing. */
export function explainDisk(
  cacheDirectory: string,
  head: RequestHead,
  log: Pick<PurgeLog, 'verdict'>,
  nowMs: number,
): DiskView {
  try {
    const { found, hasOthers } = inspectAnswer(cacheDirectory, answerKeyOf(head), head.rawHeaders)
    if (found === undefined) return { stored: undefined, hasOthers, fault: undefined }
    const { stored, size } = found
    const details = { bytes: size, codings: [], verdict: log.verdict(stored.names, stored.since) }
    return { stored: viewStored(stored, details, head, nowMs), hasOthers, fault: undefined }
  } catch (error) {
    return { stored: undefined, hasOthers: false, fault: codeOf(error) }
  }
}
