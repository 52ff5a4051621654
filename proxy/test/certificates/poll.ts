import { setTimeout as delay } from 'node:timers/promises'

/** Waits for what cannot be awaited: asks every few milliseconds, 10 s at most; what was begun gets a turn first. */
export async function pollUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  do {
    if (performance.now() > deadlineMs) throw new Error('the condition never came true')
    await delay(5)
  } while (!(await condition()))
}
