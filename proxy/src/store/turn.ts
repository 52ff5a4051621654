import { setTimeout as delay } from 'node:timers/promises'

/**
 * Tries until there is something: again after `firstMs`, then ever more rarely, at most every `mostMs`. Up to half of each
 * pause is left to chance, so that those who wait do not try in step. Rejects with the signal's reason when it aborts.
 */
export async function waitForTurn<Value>(
  attempt: () => Promise<Value | undefined>,
  { firstMs, mostMs }: { firstMs: number; mostMs: number },
  signal: AbortSignal,
): Promise<Value> {
  for (let pauseMs = firstMs; ; pauseMs = Math.min(pauseMs * 2, mostMs)) {
    signal.throwIfAborted()
    const value = await attempt()
    if (value !== undefined) return value
    await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}
