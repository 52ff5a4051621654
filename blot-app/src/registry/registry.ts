import type { ChainableCommander, Redis } from 'ioredis'
import type { Log } from '../log.ts'
import type { DesiredKey } from './desired-keys.ts'
import { registerInfo, registerName, release } from './scripts.ts'

export interface RegistryOptions {
  readonly redis: Redis
  /** The platform's own host: one set of blogs, one record of what was registered for it. */
  readonly platform: string
  readonly log: Log
}

const commandsAtOnce = 500
const retryDelayMs = 5000

/**
 * Keeps the keys of our blogs in Redis and removes those of blogs that are gone, whenever they went: a hash there
 * records every key of ours with its blog ID. Keys of other programs are never touched.
 */
export class Registry {
  readonly #options: RegistryOptions
  readonly #record: string
  /** What Redis is known to hold since it was last connected: key to its whole content. */
  #known: Map<string, string> | undefined
  #desired: readonly DesiredKey[] = []
  #running: Promise<void> | undefined
  #again = false
  #retry: NodeJS.Timeout | undefined

  constructor(options: RegistryOptions) {
    this.#options = options
    this.#record = `blot-app:registered:${options.platform}`
    // After a pause Redis may have lost what it held, so everything is compared anew.
    options.redis.on('ready', () => {
      this.#known = undefined
      void this.#start()
    })
  }

  /** Resolves when Redis holds these keys, or when it could not be reached: that is tried again by itself. */
  register(desired: readonly DesiredKey[]): Promise<void> {
    this.#desired = desired
    return this.#start()
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry)
    await this.#running
  }

  #start(): Promise<void> {
    if (this.#running !== undefined) this.#again = true
    this.#running ??= this.#run()
    return this.#running
  }

  async #run(): Promise<void> {
    await this.#attempt()
    this.#running = undefined
    if (!this.#again) return
    this.#again = false
    await this.#start()
  }

  async #attempt(): Promise<void> {
    try {
      if (this.#options.redis.status === 'ready') await this.#synchronize(this.#desired)
    } catch (error) {
      this.#known = undefined
      this.#options.log.warn({ err: error }, 'registration failed')
      this.#retry = setTimeout(() => void this.#start(), retryDelayMs).unref()
    }
  }

  async #synchronize(desired: readonly DesiredKey[]): Promise<void> {
    const { redis, log } = this.#options
    const known = (this.#known ??= await this.#recorded())
    const wanted = new Set(desired.map(({ key }) => key))
    const gone = [...known.keys()].filter((key) => !wanted.has(key))
    const changed = desired.filter((item) => known.get(item.key) !== contentOf(item))
    const commands = [
      ...gone.map((key) => (pipeline: ChainableCommander) => pipeline.eval(release, 2, key, this.#record)),
      ...changed.map((item) => (pipeline: ChainableCommander) => this.#registerOne(pipeline, item)),
    ]
    const answers = await runAll(redis, commands)
    for (const key of gone) known.delete(key)
    const foreign: string[] = []
    for (const [index, item] of changed.entries()) {
      // A foreign key is remembered too: it is reported once, and asked for again after the next connection.
      known.set(item.key, contentOf(item))
      if (answers[gone.length + index] !== 1) foreign.push(item.key)
    }
    if (foreign.length > 0) log.warn({ keys: foreign }, 'keys belong to another blog')
  }

  /** The record of earlier processes; contents are unknown, so each key is written once more. */
  async #recorded(): Promise<Map<string, string>> {
    const keys = await this.#options.redis.hkeys(this.#record)
    return new Map(keys.map((key) => [key, '']))
  }

  #registerOne(pipeline: ChainableCommander, { key, blogId, fields }: DesiredKey): ChainableCommander {
    return fields === undefined
      ? pipeline.eval(registerName, 2, key, this.#record, blogId)
      : pipeline.eval(registerInfo, 2, key, this.#record, blogId, ...Object.entries(fields).flat())
  }
}

function contentOf({ blogId, fields }: DesiredKey): string {
  return JSON.stringify([blogId, fields])
}

type Command = (pipeline: ChainableCommander) => ChainableCommander

/** @throws the first error that Redis answers: nothing may be taken as registered that is not. */
async function runAll(redis: Redis, commands: readonly Command[]): Promise<unknown[]> {
  if (commands.length === 0) return []
  const pipeline = redis.pipeline()
  for (const command of commands.slice(0, commandsAtOnce)) command(pipeline)
  const answers = ((await pipeline.exec()) ?? []).map(([error, answer]) => {
    if (error !== null) throw error
    return answer
  })
  return [...answers, ...(await runAll(redis, commands.slice(commandsAtOnce)))]
}
