import { parseObject } from './parse-object.ts'
import type { Change, Changes } from '../certificates/contracts.ts'

export type ChangeListener = Parameters<Changes['subscribe']>[0]

/** @returns undefined for text of another version, or of nobody's. */
export function parseChange(text: string): Change | undefined {
  const { kind, name } = parseObject(text) ?? {}
  if (kind === 'tickets') return { kind }
  if ((kind === 'certificate' || kind === 'permission') && typeof name === 'string') return { kind, name }
  return undefined
}
