import { readFileSync } from 'node:fs'

/** What the app's record says of what visitors were told. */
export type Audit = {
  readonly posts: {
    readonly acked: number
    /** Told that it was done, and it was not. */
    readonly lost: readonly string[]
    readonly twice: readonly string[]
    /** Told of a failure, and the app had never heard of it. */
    readonly unheard: readonly string[]
  }
  readonly webhooks: {
    readonly acked: number
    readonly lost: readonly string[]
    /** Delivered more than once, which a webhook may be. */
    readonly twice: readonly string[]
    /** Delivered after one that the same sender was told of later. */
    readonly outOfOrder: readonly string[]
  }
  /** With a signature that is not its body's. */
  readonly forged: number
}

/** @param appRecord the file of `recording-app.ts`. @param loadRecord the file of the load. */
export function audit(appRecord: string, loadRecord: string): Audit {
  const app = readLines(appRecord)
  const load = readLines(loadRecord)
  const of = (lines: string[][], word: string, kind?: string): string[] =>
    lines.flatMap(([first, ...rest]) =>
      first === word && (kind === undefined || rest[0] === kind) ? [rest.at(-1) ?? ''] : [],
    )
  const acted = countOf(of(app, 'acted'))
  const received = countOf(of(app, 'received'))
  const delivered = of(app, 'webhook')
  const deliveries = countOf(delivered)
  const posts = of(load, 'acked', 'post')
  const unsure = of(load, 'unsure', 'post')
  const webhooks = of(load, 'acked', 'webhook')
  return {
    posts: {
      acked: posts.length,
      lost: posts.filter((id) => !acted.has(id)),
      twice: [...posts, ...unsure].filter((id) => (acted.get(id) ?? 0) > 1),
      unheard: unsure.filter((id) => !received.has(id)),
    },
    webhooks: {
      acked: webhooks.length,
      lost: webhooks.filter((id) => !deliveries.has(id)),
      twice: webhooks.filter((id) => (deliveries.get(id) ?? 0) > 1),
      outOfOrder: outOfOrder(delivered, new Set(webhooks)),
    },
    forged: of(app, 'forged').length,
  }
}

/** Ids end in a number that rises with each sender, which is the rest of the id. */
function outOfOrder(delivered: readonly string[], acked: ReadonlySet<string>): string[] {
  const last = new Map<string, number>()
  return [...new Set(delivered)].filter((id) => {
    const at = id.lastIndexOf('-')
    const sender = id.slice(0, at)
    const number = Number(id.slice(at + 1))
    const isLate = acked.has(id) && number < (last.get(sender) ?? 0)
    last.set(sender, Math.max(number, last.get(sender) ?? 0))
    return isLate
  })
}

function readLines(file: string): string[][] {
  const text = readFileSync(file, 'utf8')
  return text.split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')]))
}

function countOf(ids: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
