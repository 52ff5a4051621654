/** How long nobody looks again after a look at the file system. */
const FRESH_MS = 1000

/** A clock that was set back makes nothing fresh. */
export function isFresh(checkedAtMs: number, nowMs: number): boolean {
  const ageMs = nowMs - checkedAtMs
  return ageMs >= 0 && ageMs < FRESH_MS
}
