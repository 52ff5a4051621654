/** What each process dropped, added up by host. */
export function sumCounts(answers: readonly Record<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const answer of answers) {
    for (const [host, count] of Object.entries(answer)) sums.set(host, (sums.get(host) ?? 0) + count)
  }
  return sums
}
