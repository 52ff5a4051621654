import { setTimeout as delay } from 'node:timers/promises'

/** Waits for what cannot be awaited: asks every few milliseconds, 60 s at most, as long as a busy machine needs; what was begun gets a turn first. */
export async function pollUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 60_000
  do {
    if (performance.now() > deadlineMs) throw new Error('the condition never came true')
    await delay(5)
  } while (!(await condition()))
}
