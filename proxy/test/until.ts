import { setTimeout as delay } from 'node:timers/promises'

type Condition = () => boolean | Promise<boolean>

/** As long as a busy machine needs for whatever is waited for here. */
const LIMIT_MS = 60_000
const LOOK_MS = 5

/** Waits for what cannot be awaited; what was begun gets a turn first. @param instead tells, in the end, what there was instead. */
export async function until(what: string, condition: Condition, instead = () => 'it never did'): Promise<void> {
  const deadlineMs = performance.now() + LIMIT_MS
  do {
    if (performance.now() > deadlineMs) throw new Error(`${what}, within ${LIMIT_MS / 1000} s: ${instead()}`)
    await delay(LOOK_MS)
  } while (!(await within(what, deadlineMs, condition)))
}

/** The same, where the place says what is waited for. */
export function pollUntil(condition: Condition): Promise<void> {
  return until('the condition comes true', condition)
}

/** Who is asked may never answer. */
async function within<Value>(what: string, deadlineMs: number, ask: () => Value | Promise<Value>): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`${what}: whoever was asked about it did not answer`)),
    Math.max(0, deadlineMs - performance.now()),
  )
  try {
    return await Promise.race([ask(), promise])
  } finally {
    clearTimeout(timer)
  }
}
