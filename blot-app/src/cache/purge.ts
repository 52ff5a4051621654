import { setTimeout as delay } from 'node:timers/promises'
import { request } from 'undici'
import type { Log } from '../log.ts'

/** Where purges wait that an edge has not taken yet. Survives this process. */
export interface PendingPurges {
  /** Hosts that wait for an edge. */
  load(proxy: string): Promise<string[]>
  keep(proxy: string, hosts: readonly string[]): Promise<void>
  settle(proxy: string, hosts: readonly string[]): Promise<void>
}

export interface PurgerOptions {
  /** Address of one edge, without a closing slash. */
  readonly proxy: string
  readonly token: string | undefined
  /** Undefined where nothing outlives the process: then failed purges wait in memory. */
  readonly pending: PendingPurges | undefined
  readonly log: Log
  readonly firstDelayMs?: number
}

const hostsAtOnce = 20
const tagsAtOnce = 20
const longestDelayMs = 60_000
const answerLimitMs = 10_000

/** Tells one edge which hosts have changed, again and again until it answers. */
export class Purger {
  readonly #options: PurgerOptions
  readonly #waiting = new Set<string>()
  readonly #purgingTags = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: PurgerOptions) {
    this.#options = options
  }

  /** Takes up what an earlier process could not deliver. */
  async resume(): Promise<void> {
    const { pending, proxy, log } = this.#options
    try {
      this.purge((await pending?.load(proxy)) ?? [])
    } catch (error) {
      log.warn({ err: error, proxy }, 'pending purges not read')
    }
  }

  purge(hosts: Iterable<string>): void {
    for (const host of hosts) this.#waiting.add(host)
    this.#start()
  }

  /**
   * Purges what is tagged so, where the edge knows tags: it then names each in its answer. Otherwise, and when that fails,
   * the hosts on which it may be.
   */
  purgeTags(tags: readonly string[], hosts: Iterable<string>): void {
    const purging = this.#sendTags(tags).then((isDone) => {
      if (!isDone) this.purge(hosts)
      this.#purgingTags.delete(purging)
    })
    this.#purgingTags.add(purging)
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#purgingTags)
    await this.#running
    if (this.#waiting.size > 0) await this.#note('keep', [...this.#waiting])
  }

  #start(): void {
    if (this.#waiting.size === 0 || this.#stopping.signal.aborted) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // A host may have come between the last batch and this line.
      this.#start()
    })
  }

  async #run(): Promise<void> {
    let failures = 0
    for await (const hosts of this.#batches()) {
      const failure = await this.#send(hosts)
      failures = failure === undefined ? 0 : failures + 1
      if (failure === undefined) await this.#note('settle', hosts)
      else await this.#postpone(hosts, failure, failures)
    }
  }

  // Hosts leave the set when their purge is sent, so one that changes meanwhile is purged again.
  async *#batches(): AsyncGenerator<string[], void> {
    while (this.#waiting.size > 0 && !this.#stopping.signal.aborted) {
      const hosts = [...this.#waiting].slice(0, hostsAtOnce)
      for (const host of hosts) this.#waiting.delete(host)
      yield hosts
    }
  }

  async #send(hosts: readonly string[]): Promise<Error | undefined> {
    try {
      await this.#ask(hosts.map((host) => ['host', host]))
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  /** @returns whether the edge has purged them all. */
  async #sendTags(tags: readonly string[]): Promise<boolean> {
    try {
      for (let first = 0; first < tags.length; first += tagsAtOnce) {
        const some = tags.slice(first, first + tagsAtOnce)
        const lines = (await this.#ask(some.map((tag) => ['tag', tag]))).split('\n')
        if (!some.every((tag) => lines.some((line) => line.startsWith(`tag ${tag}: `)))) return false
      }
      return true
    } catch {
      // The hosts are purged instead, and it is told why where that fails too.
      return false
    }
  }

  /** @returns what the edge says. @throws when that is not that it is done. */
  async #ask(names: [kind: string, name: string][]): Promise<string> {
    const { proxy, token } = this.#options
    const { statusCode, body } = await request(`${proxy}/purge?${new URLSearchParams(names).toString()}`, {
      headers: token === undefined ? {} : { 'x-blot-purge-token': token },
      signal: AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(answerLimitMs)]),
    })
    if (statusCode < 200 || statusCode >= 300) {
      await body.dump()
      throw new Error(`purge answered with ${statusCode}`)
    }
    return body.text()
  }

  async #postpone(hosts: readonly string[], failure: Error, failures: number): Promise<void> {
    const { proxy, log, firstDelayMs = 1000 } = this.#options
    for (const host of hosts) this.#waiting.add(host)
    await this.#note('keep', hosts)
    const delayMs = Math.min(firstDelayMs * 2 ** (failures - 1), longestDelayMs)
    // An edge that starts after us is no fault; it is asked again until it is there.
    const level = 'code' in failure && failure.code === 'ECONNREFUSED' && failures < 4 ? 'debug' : 'warn'
    if (!this.#stopping.signal.aborted) log[level]({ reason: failure.message, proxy, delayMs }, 'purge failed')
    await delay(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
  }

  async #note(step: 'keep' | 'settle', hosts: readonly string[]): Promise<void> {
    const { pending, proxy, log } = this.#options
    try {
      await pending?.[step](proxy, hosts)
    } catch (error) {
      log.warn({ err: error, proxy }, 'pending purges not written')
    }
  }
}
