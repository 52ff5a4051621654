import type { Chapter } from '../duty.ts'
import { bodies } from './bodies.ts'
import { http2 } from './http2.ts'
import { identity } from './identity.ts'
import { interruptions } from './interruptions.ts'
import { limits } from './limits.ts'
import { messages } from './messages.ts'
import { refusals } from './refusals.ts'
import { targets } from './targets.ts'
import { tunnels } from './tunnels.ts'
import { upstreamTls } from './upstream-tls.ts'

/** Every duty, in the order of the table. */
export const CHAPTERS: readonly Chapter[] = [
  identity,
  messages,
  targets,
  bodies,
  interruptions,
  limits,
  tunnels,
  refusals,
  upstreamTls,
  http2,
]
