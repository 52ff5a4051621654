import t from 'tap'
import { temporaryDirectory } from '../../integration/edge.ts'
import { createRandom, type Random } from './random.ts'
import { startSite, type Site } from './site.ts'

/**
 * Random requests, clocks, purges and crashes against a model that knows nothing but the rules which must always hold:
 * the body that a visitor gets is one that the app made for such a request, not longer ago than the rules allow, and
 * not before a purge that is about it.
 */

const LIFETIME_S = 60
const STEPS = 150
const PATHS = ['/a', '/b', '/a?x=1', '/dir/c'] as const
const LANGUAGES = ['de', 'en'] as const

/** When the app made the page that has this number; the clock is the edge's, in seconds. */
type Made = { readonly path: string; readonly language: string; readonly atS: number; readonly purges: number }

type World = {
  site: Site
  readonly made: Made[]
  readonly purged: { readonly hits: (path: string) => boolean; readonly number: number }[]
  clockS: number
  isAway: boolean
}

const PURGES = [
  { purge: { hosts: ['a.test'] }, hits: () => true },
  { purge: { urls: ['//a.test/a'] }, hits: (path: string) => path === '/a' },
  { purge: { prefixes: ['//a.test/dir/'] }, hits: (path: string) => path.startsWith('/dir/') },
  { purge: { tags: ['tag-/b'] }, hits: (path: string) => path === '/b' },
  { purge: { everything: true }, hits: () => true },
]

for (const seed of [1, 2, 3, 4]) {
  await t.test(`whatever happens, in the order of seed ${seed}`, async (t) => {
    const random = createRandom(seed)
    const cacheDirectory = temporaryDirectory(t)
    const site = await startSite(t, { disk: true, cacheDirectory })
    const world: World = { site, made: [], purged: [], clockS: 0, isAway: false }
    site.reply = (request, response) => {
      const path = request.url ?? ''
      const language = request.headers['accept-language'] ?? ''
      const number = world.made.push({ path, language, atS: world.clockS, purges: world.purged.length })
      response.setHeader('Cache-Control', `max-age=${LIFETIME_S}, must-revalidate`)
      response.setHeader('Cache-Tag', `tag-${path}`)
      response.setHeader('Vary', 'Accept-Language')
      response.end(String(number))
    }
    let answered = 0
    for (let step = 0; step < STEPS; step++) answered += await act(world, random)
    if (world.isAway) await site.back()
    t.ok(answered > STEPS / 3, `${answered} answers judged`)
    t.ok(site.asked.length < answered, 'some came from the cache')
  })
}

/** Does something at random. @returns how many answers were judged. */
async function act(world: World, random: Random): Promise<number> {
  const { site } = world
  if (world.isAway && random.below(5) === 0) {
    await site.back()
    world.isAway = false
  }
  const what = random.below(100)
  if (what < 8) {
    const { purge, hits } = random.pick(PURGES)
    world.purged.push({ hits, number: world.purged.length + 1 })
    await site.purge(purge)
  } else if (what < 16) {
    const seconds = random.below(LIFETIME_S)
    world.clockS += seconds
    site.advance(seconds)
  } else if (what < 20) {
    // The worker dies and another one takes its place: only the disk remains.
    site.forgetMemory()
  } else if (what < 24) {
    if (!world.isAway) await site.away()
    world.isAway = true
  } else if (what < 30) {
    return judgeAll(
      world,
      Array.from({ length: 5 }, () => visit(world, '/a', 'de')),
    )
  } else {
    return judgeAll(world, [visit(world, random.pick(PATHS), random.pick(LANGUAGES))])
  }
  return 0
}

type Visit = { readonly path: string; readonly language: string; readonly status: number; readonly text: string }

async function visit({ site }: World, path: string, language: string): Promise<Visit> {
  const { status, text } = await site.ask(path, { 'Accept-Language': language })
  return { path, language, status, text }
}

async function judgeAll(world: World, visits: readonly Promise<Visit>[]): Promise<number> {
  let judged = 0
  for (const { path, language, status, text } of await Promise.all(visits)) {
    if (status !== 200) {
      t.ok(world.isAway && (status === 502 || status === 504), `${path} ${status} while the app is there`)
      continue
    }
    judged++
    const made = world.made[Number(text) - 1]
    const about = `${path} ${language}: page ${text}`
    t.match(made, { path, language }, `${about} was made for this`)
    // Dates have whole seconds.
    t.ok(world.clockS - (made?.atS ?? 0) <= LIFETIME_S + 1, `${about} is fresh`)
    const since = world.purged.filter(({ hits, number }) => number > (made?.purges ?? 0) && hits(path))
    t.strictSame(since, [], `${about} is not from before a purge`)
  }
  return judged
}
