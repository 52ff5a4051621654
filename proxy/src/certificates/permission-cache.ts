import { LRUCache } from 'lru-cache'
import { PermissionUnavailable, codeOf } from '../errors.ts'
import { untilAborted, withDeadline } from './deadline.ts'
import { createSingleflight } from './singleflight.ts'
import type { Permission } from './contracts.ts'
import type { Flight } from './singleflight.ts'

export type CachedPermission = Permission & {
  /** The next question about this name goes to the source. */
  forget(name: string): void
  /** Was it permitted when somebody last asked? Without asking anybody. */
  isKnown(name: string): boolean
}

export type PermissionCacheOptions = {
  /** How long the source may take for one answer. */
  readonly timeoutMs: number
  readonly permittedMs?: number
  readonly deniedMs?: number
  /** How long an answer stands in for a source that fails (stale-if-error). */
  readonly staleMs?: number
  readonly maxNames?: number
  /** Questions to the source at one time; beyond, a question fails as if the source were away. */
  readonly maxQuestions?: number
  readonly now?: () => number
}

type Answer = { readonly permitted: boolean; readonly askedAtMs: number; freshUntilMs: number }

const DAY_MS = 24 * 3600_000
/** While the source fails, a known answer is given at once for this long before the source is tried again. */
const RETRY_MS = 5_000

/**
 * Remembers answers, permitted and denied, and merges questions about one name. Rejects with
 * EDGE_ERR_PERMISSION_UNAVAILABLE when the source fails and nothing is remembered.
 */
export function cachePermission(source: Permission, options: PermissionCacheOptions): CachedPermission {
  const { timeoutMs, permittedMs = 60_000, deniedMs = 10_000, staleMs = DAY_MS, maxQuestions = 1_000 } = options
  // A clock that is set back must not let anybody be permitted for longer.
  const now = options.now ?? (() => performance.now())
  const answers = new LRUCache<string, Answer>({ max: options.maxNames ?? 50_000 })
  const questions = createSingleflight<boolean>()

  async function question(name: string, flight: Flight): Promise<boolean> {
    const askedAtMs = now()
    const permitted = await withDeadline(timeoutMs, (limit) => untilAborted(source.ask(name, limit), limit))
    const freshUntilMs = askedAtMs + (permitted ? permittedMs : deniedMs)
    if (!flight.forgotten) answers.set(name, { permitted, askedAtMs, freshUntilMs })
    return permitted
  }

  async function askSource(name: string, signal: AbortSignal): Promise<boolean> {
    if (!questions.has(name) && questions.size >= maxQuestions) {
      throw new PermissionUnavailable(name, 'too many questions at once')
    }
    return untilAborted(
      questions.run(name, (flight) => question(name, flight)),
      signal,
    )
  }

  return {
    async ask(name, signal) {
      const known = answers.get(name)
      if (known !== undefined && now() < known.freshUntilMs) return known.permitted
      try {
        return await askSource(name, signal)
      } catch (cause) {
        signal.throwIfAborted()
        if (known === undefined || now() >= known.askedAtMs + staleMs) {
          throw new PermissionUnavailable(name, codeOf(cause), { cause })
        }
        known.freshUntilMs = now() + RETRY_MS
        return known.permitted
      }
    },
    forget(name) {
      answers.delete(name)
      questions.forget(name)
    },
    isKnown: (name) => answers.peek(name)?.permitted === true,
  }
}
