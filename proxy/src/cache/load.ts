import { closeSync } from 'node:fs'
import { examine, readWhole } from '../static/open.ts'
import type { Found } from './found.ts'
import type { LocatedFile } from './locate.ts'
import { describe } from './representation.ts'

/** Larger bodies are streamed and not kept in memory. */
const READY_BYTES = 256 * 1024
/** A file that changed less than this ago may change again within the same tick of its file system's clock. */
const SETTLE_MS = 2000

/**
 * Reads a small file whole and closes it; leaves a large one open.
 * @returns `final`: these are the file's bytes for good, until its identity changes.
 */
export function load(located: LocatedFile, nowMs: number): { found: Found; final: boolean } {
  const { file, contentType, coding } = located
  const details = { contentType, coding, varies: located.codings.length > 0, policy: located.place.policy, nowMs }
  const isOld = nowMs - file.changedMs >= SETTLE_MS
  if (file.size > READY_BYTES) {
    const representation = describe(file, file.size, { ...details, settled: isOld })
    return { found: { kind: 'open', representation, descriptor: file.descriptor }, final: false }
  }
  try {
    const body = readWhole(file)
    const final = isOld && examine(file.descriptor)?.identity === file.identity
    const representation = describe(file, body.length, { ...details, settled: final })
    return { found: { kind: 'ready', representation, body }, final }
  } finally {
    closeSync(file.descriptor)
  }
}
