import type { Config } from '../config.ts'
import type { ListenerInfo, ProcessId } from './messages.ts'

/** What a child gets from the primary over its channel: never by environment or command line, which `ps` shows. */
export type ChildSettings = {
  id: ProcessId
  version: string
  /** When the edge started, ISO 8601. */
  startedAt: string
  config: Config
  listeners: readonly (ListenerInfo & { fd: number })[]
}

/** The first descriptor behind standard streams and the channel. */
export const FIRST_INHERITED_FD = 4
