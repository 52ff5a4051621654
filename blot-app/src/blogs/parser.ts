import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { ParseAnswer, ParseRequest } from './parse-worker.ts'
import type { ParsedSource } from './parse-source.ts'
import { SourceFault } from './source-fault.ts'

const parseLimitMs = 5000
const memoryLimitMegabytes = 256

/**
 * Parses Markdown in a thread of its own, one file after another. A text that was built to be slow, or grows without
 * end, then costs its author a page and nobody else anything.
 */
export class Parser {
  readonly #limitMs: number
  #worker: Promise<Worker> | undefined
  #queue: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(limitMs: number = parseLimitMs) {
    this.#limitMs = limitMs
  }

  /** @throws {SourceFault} for an author's mistake, a text that takes too long included; another error once closed. */
  parse(source: string, content: Uint8Array): Promise<ParsedSource> {
    const parsed = this.#queue.then(() => this.#ask({ source, content }))
    this.#queue = parsed.catch(() => undefined)
    return parsed
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#stopWorker()
  }

  async #ask(request: ParseRequest): Promise<ParsedSource> {
    if (this.#closed) throw new Error('parser closed')
    const worker = await this.#startedWorker()
    worker.postMessage(request, [])
    const answer = await this.#answerOf(worker)
    if ('parsed' in answer) return answer.parsed
    throw new SourceFault(answer.fault)
  }

  #startedWorker(): Promise<Worker> {
    this.#worker ??= startWorker().catch((error: unknown) => {
      this.#worker = undefined
      throw error
    })
    return this.#worker
  }

  async #answerOf(worker: Worker): Promise<ParseAnswer> {
    const settled = new AbortController()
    const timer = setTimeout(() => settled.abort(), this.#limitMs)
    try {
      const [answer]: ParseAnswer[] = await Promise.race([
        once(worker, 'message', { signal: settled.signal }),
        once(worker, 'exit', { signal: settled.signal }).then(() => Promise.reject(new Error('parser stopped'))),
      ])
      if (answer !== undefined) return answer
      throw new Error('empty answer')
    } catch {
      await this.#stopWorker()
      return { fault: 'The text takes too long to turn into a page. Look for long runs of brackets or asterisks.' }
    } finally {
      clearTimeout(timer)
      settled.abort()
    }
  }

  async #stopWorker(): Promise<void> {
    const worker = this.#worker
    this.#worker = undefined
    await (await worker)?.terminate()
  }
}

/** Resolves when the thread has loaded its code, so that its start does not count as parsing. */
async function startWorker(): Promise<Worker> {
  const worker = new Worker(new URL('./parse-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryLimitMegabytes },
    execArgv: [],
  })
  await once(worker, 'message')
  // Whoever waits for an answer hears of an error; between answers there is nobody to tell.
  worker.on('error', () => undefined)
  worker.unref()
  return worker
}
