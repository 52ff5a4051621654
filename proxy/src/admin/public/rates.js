/** What happened between two answers of `GET /metrics` (JSON), `seconds` apart. */
export function between(before, after, seconds) {
  const requests = total(after) - total(before)
  return {
    requestsPerSecond: Math.max(0, requests / seconds),
    bytesPerSecond: Math.max(0, (after.counters.bytes - before.counters.bytes) / seconds),
    buckets: after.counters.durations.buckets.map((value, i) => value - before.counters.durations.buckets[i]),
  }
}

export function total({ counters }) {
  return sum(counters.durations.buckets)
}

/** Requests of each class of status: `{ "2xx": 12 }`. */
export function byStatus({ counters }) {
  return Object.fromEntries(Object.entries(counters.requests).map(([status, byCache]) => [status, sum(byCache)]))
}

/** Requests that asked the cache, and those that it answered without the app. */
export function cacheUse({ counters }) {
  const use = { answered: 0, asked: 0 }
  for (const byCache of Object.values(counters.requests)) {
    for (const [state, value] of Object.entries(byCache)) {
      if (state === 'none' || state === 'BYPASS') continue
      use.asked += value
      if (state !== 'MISS' && state !== 'EXPIRED') use.answered += value
    }
  }
  return use
}

/** The upper bound, in ms, under which this share of requests was answered; undefined without requests. */
export function quantile(buckets, boundsSeconds, share) {
  const wanted = share * sum(buckets)
  if (wanted === 0) return undefined
  let below = 0
  const index = buckets.findIndex((value) => {
    below += value
    return below >= wanted
  })
  return 1000 * (boundsSeconds[index] ?? boundsSeconds.at(-1))
}

function sum(values) {
  return Object.values(values).reduce((one, other) => one + other, 0)
}
