/**
 * Runs work under a time limit, and under an outer signal where there is one: its signal aborts with a TimeoutError, or
 * with the outer reason. The timer ends with the work; that of `AbortSignal.timeout` stays in memory until its time.
 */
export async function withDeadline<Value>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<Value>,
  outer?: AbortSignal,
): Promise<Value> {
  const limit = new AbortController()
  const pass = (): void => limit.abort(outer?.reason)
  const timer = setTimeout(() => limit.abort(new DOMException(`not within ${limitMs} ms`, 'TimeoutError')), limitMs)
  if (outer?.aborted) pass()
  outer?.addEventListener('abort', pass)
  try {
    return await work(limit.signal)
  } finally {
    clearTimeout(timer)
    outer?.removeEventListener('abort', pass)
  }
}

/** Waits for work that others wait for too: an abort ends this wait, not the work. Rejects with the signal's reason. */
export async function untilAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
