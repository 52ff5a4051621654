import { PAGES_OF_SITE, SITES } from '../grounds.ts'
import { requests } from '../requests.ts'

const REQUESTS = 20_000
const MISSES = 0.05
const SEED = 20_260_101

/** Pages by popularity, as visitors of a platform ask for them: the n-th is asked for 1/n as often as the first. */
function drawRequests(): { host: string; path: string }[] {
  const random = createRandom(SEED)
  const cumulative: number[] = []
  let sum = 0
  for (let rank = 1; rank <= SITES * PAGES_OF_SITE; rank++) cumulative.push((sum += 1 / rank))
  const drawn = Array.from({ length: REQUESTS }, () => {
    const rank = search(cumulative, random() * sum)
    const isMiss = random() < MISSES
    return urlOf(rank, isMiss ? 'missing' : 'page')
  })
  return [urlOf(0, 'page'), ...drawn]
}

function urlOf(rank: number, page: string): { host: string; path: string } {
  return { host: `site-${rank % SITES}.bench.test`, path: `/${page}-${Math.floor(rank / SITES)}.html` }
}

/** @returns the first index whose value is not below. */
function search(ascending: readonly number[], value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ascending[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}

/** The same numbers in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const zipfMix = requests({
  name: 'zipf-mix',
  question: 'What does a request cost in a mix of 100,000 pages of 1,000 sites by popularity, 5 % of them not on disk?',
  via: 'http',
  urls: drawRequests(),
  warmth: 4,
  cache: 'HIT',
})
