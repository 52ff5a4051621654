import { setTimeout as delay } from 'node:timers/promises'

const lookEveryMs = 10

/** Looks again and again until a condition holds. @throws when it does not within the time. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, limitMs = 5000): Promise<void> {
  const deadline = Date.now() + limitMs
  for await (const holds of looks(condition)) {
    if (holds) return
    if (Date.now() > deadline) throw new Error(`did not happen within ${limitMs} ms: ${condition.toString()}`)
  }
}

async function* looks(condition: () => boolean | Promise<boolean>): AsyncGenerator<boolean, void> {
  for (;;) {
    yield await condition()
    await delay(lookEveryMs)
  }
}
