import { edgeChannel } from '../events.ts'
import { compress } from './compress.ts'
import { keepAnswer, type KeptAnswer } from './kept-answer.ts'
import type { Memory } from './memory.ts'

/**
 * Makes copies in other codings in the background, one answer at a time: for answers that visitors come back for. A purge, or
 * a newer answer, that takes the answer out of memory meanwhile keeps its copies out as well.
 * @returns what to call with an answer that is delivered.
 */
export function createCopier(memory: Memory): (kept: KeptAnswer) => void {
  let isBusy = false

  async function copy(kept: KeptAnswer): Promise<void> {
    const { stored, body } = kept
    const copies = await compress(body)
    const answers = memory.get(stored.key)?.answers ?? []
    if (copies.size === 0 || !answers.includes(kept)) return
    const copied = { ...keepAnswer(stored, body, copies), filesCheckedAtMs: kept.filesCheckedAtMs }
    memory.putAnswers(
      stored.key,
      answers.map((answer) => (answer === kept ? copied : answer)),
    )
  }

  return (kept) => {
    if (isBusy || kept.isCompressing || !kept.isCompressible) return
    // One that has no room in memory would be compressed for each visitor anew.
    if (memory.get(kept.stored.key)?.answers.includes(kept) !== true) return
    isBusy = true
    kept.isCompressing = true
    copy(kept)
      .catch((error: unknown) =>
        edgeChannel('fault').publish({ area: 'cache', message: 'answer not compressed', error }),
      )
      .finally(() => (isBusy = false))
  }
}
