import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lookAt } from '../../static/open.ts'
import { isTexts, parseObject } from './parse.ts'
import { writeTemporary } from './write.ts'

/** What stands beside the variants of a key. */
export type Signpost = {
  /** The names in their `Vary`. */
  readonly vary: readonly string[]
  /** Variants that were asked for until then are no more: an unsafe request has invalidated them, or an answer for everybody came. Ms since the epoch. */
  readonly sinceMs: number
}

/** One without names says of those that were there, that they are no more. */
export function hasVariants(signpost: Signpost | undefined): boolean {
  return signpost !== undefined && signpost.vary.length > 0
}

/** @returns undefined without one. */
export function readSignpost(path: string): Signpost | undefined {
  if (lookAt(path) === undefined) return undefined
  const { vary, sinceMs } = parseObject(readFileSync(path, 'utf8')) ?? {}
  return isTexts(vary) && typeof sinceMs === 'number' ? { vary, sinceMs } : undefined
}

/** Says by what the variants of a key are selected. @param temporary where it is written first. */
export async function writeSignpost(temporary: string, path: string, vary: Signpost['vary']): Promise<void> {
  const known = readSignpost(path)
  if (known !== undefined && known.vary.join() === vary.join()) return
  await writeTemporary(temporary, [encode({ vary, sinceMs: known?.sinceMs ?? 0 })])
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  // What has been said of the variants meanwhile must stay said.
  if (readSignpost(path)?.sinceMs === known?.sinceMs) renameSync(temporary, path)
  else await writeSignpost(temporary, path, vary)
}

/** Which variants there are, nobody knows: their signpost says that they are no more. What it has said already it does not say again. */
export function endVariants(temporary: string, path: string, nowMs: number): void {
  if (!hasVariants(readSignpost(path))) return
  writeFileSync(temporary, encode({ vary: [], sinceMs: nowMs }), { mode: 0o600 })
  renameSync(temporary, path)
}

function encode(signpost: Signpost): Buffer {
  return Buffer.from(JSON.stringify(signpost))
}
