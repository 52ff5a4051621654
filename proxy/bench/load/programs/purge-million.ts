import { createMemory, type Memory } from '../../../src/cache/memory.ts'
import { keepAnswer, type KeptAnswer } from '../../../src/cache/kept-answer.ts'
import { describeStored } from '../../../src/cache/stored-answer.ts'
import { fromFields, type PurgeFields } from '../../../src/purge.ts'
import type { RequestHead } from '../../../src/request.ts'

/**
 * A worker's memory with a million answers, and purges of it. Writes a line of JSON for each: what was named, how many entries
 * went, for how long the event loop was held at most, and how long it took, ms.
 */

const HOSTS = 1000
const PAGES = 1000
const TEMPLATES = 10

const memory = createMemory(Number.MAX_SAFE_INTEGER)
fill(memory)
// What the filling left behind is not the purge's to clear away (`--expose-gc`).
globalThis.gc?.()
await measure('a URL', { urls: ['//site-1.test/page-1'] })
await measure('a tag of 1 entry', { tags: ['page:site-2.test:1'] })
await measure('a prefix of 111 entries', { prefixes: ['//site-3.test/page-1'] })
await measure('a host of 1,000 entries', { hosts: ['site-4.test'] })
await measure('a tag of 100,000 entries', { tags: ['template:5'] })
await measure('everything', { everything: true })

function fill(target: Memory): void {
  const template = makeAnswer()
  for (let host = 0; host < HOSTS; host += 1) {
    for (let page = 0; page < PAGES; page += 1) {
      const name = `site-${host}.test`
      const key = `https://${name}/page-${page}`
      const tags = [`blog:${name}`, `page:${name}:${page}`, `template:${host % TEMPLATES}`]
      const names = { host: name, url: key, tags }
      target.putAnswers(key, [{ ...template, stored: { ...template.stored, key, names } }])
    }
  }
}

/** Bodies and heads are left out: they are let go of, and not touched. */
function makeAnswer(): KeptAnswer {
  const request = {
    scheme: 'https',
    host: 'a.test',
    target: '/',
    rawHeaders: [],
  } as Partial<RequestHead> as RequestHead
  const head = { status: 200, fields: ['Cache-Control', 'max-age=60'], requestedMs: 0, receivedMs: 0 }
  const stored = describeStored(request, head, { vary: [], since: 0, untilPurged: false })
  if (stored === undefined) throw new Error('the answer could not be described')
  return keepAnswer(stored, Buffer.alloc(0))
}

async function measure(what: string, fields: PurgeFields): Promise<void> {
  let isOver = false
  let heldMs = 0
  // Time of the CPU, so that other programs of the machine do not count.
  let last = cpuMs()
  const look = (): void => {
    const now = cpuMs()
    heldMs = Math.max(heldMs, now - last)
    last = cpuMs()
    if (!isOver) setImmediate(look)
  }
  setImmediate(look)
  const startedMs = performance.now()
  const counts = await memory.purge(fromFields(fields))
  const tookMs = performance.now() - startedMs
  await new Promise((resolve) => setImmediate(resolve))
  isOver = true
  const entries = counts.reduce((sum, count) => sum + count, 0)
  process.stdout.write(`${JSON.stringify({ what, entries, heldMs, tookMs })}\n`)
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
