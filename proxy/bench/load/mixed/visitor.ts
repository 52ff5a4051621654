import { setTimeout as sleep } from 'node:timers/promises'
import type { Asker } from './ask.ts'
import { below, createRandom, type Random } from './random.ts'
import type { Tally } from './tally.ts'

/** What all visitors of a load share. */
export type World = {
  /** Ports of the server, on 127.0.0.1. */
  readonly http: number
  readonly https: number
  /** `$BLOT_HOST`: large uploads and webhooks, over https alone. */
  readonly mainHost: string
  /** Handles and customers' domains. */
  readonly sites: readonly string[]
  /** Begins every id: no two loads of an app have the same. */
  readonly run: string
  readonly seed: number
  /** Multiplies every pause: 2 is half the load. */
  readonly pace: number
  /** Signs the webhooks. */
  readonly secret: string
  readonly tally: Tally
  /** Writes down what became of an id: `acked`, or `unsure`. */
  note(line: string): void
  readonly signal: AbortSignal
}

/** Somebody who asks for one kind of thing in one way, again and again. */
export type Visitor = Asker & {
  readonly world: World
  readonly host: string
  readonly random: Random
  /** A name for the next thing that this visitor asks for; none is used twice. */
  nextId(): string
}

export type VisitorOptions = Asker & { readonly world: World; readonly host: string; readonly index: number }

export function createVisitor({ world, host, index, ...asker }: VisitorOptions): Visitor {
  let last = 0
  return {
    ...asker,
    world,
    host,
    random: createRandom(world.seed * 1000 + index),
    nextId: () => `${world.run}-${index}-${++last}`,
  }
}

/** Does it again and again, with pauses that differ, until the load ends; what is under way then is finished. */
export async function keepDoing(visitor: Visitor, pauseMs: number, work: () => Promise<unknown>): Promise<void> {
  const { signal } = visitor.world
  const rest = (share: number): Promise<unknown> => pause(visitor, pauseMs * share)
  await rest(visitor.random())
  while (!signal.aborted) {
    await work()
    await rest(0.5 + visitor.random())
  }
}

/** Ends early when the load does. */
export async function pause({ world: { signal, pace } }: Visitor, ms: number): Promise<void> {
  await sleep(ms * pace, undefined, { signal }).catch(() => undefined)
}

/** One of many, each as likely as the others. */
export function oneOf({ random }: Visitor, count: number): number {
  return below(random, count)
}
