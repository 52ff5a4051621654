import type { Config } from '../config.ts'
import type { ListenerInfo, ProcessName } from './messages.ts'

/** What a child gets from the primary over its channel: never by environment or command line, which `ps` shows. */
export type ChildSettings = {
  name: ProcessName
  version: string
  /** When the edge started, ISO 8601. */
  startedAt: string
  config: Config
  /** The listening sockets of its role. */
  listeners: readonly (ListenerInfo & { fd: number })[]
  /** Its end of a connection with the primary, which asks for something there before any visitor may. */
  probeFd: number
}

/** Descriptors behind standard streams and the channel. */
export const PROBE_FD = 4
export const FIRST_LISTENER_FD = 5
