import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { hasCode, writeWhole } from '../files.ts'

/** How many webhooks came, and how many of them a second time. */
export interface WebhookCounts {
  readonly received: number
  readonly repeated: number
}

const mostRemembered = 1000
/** What an edge calls a webhook. */
const idForm = /^[0-9a-f]{32}$/

/**
 * Ids of webhooks that were acted on: an edge delivers at least once, and under the same id. The latest are kept in a file, so that a
 * restart forgets none of them.
 */
export class SeenWebhooks {
  readonly #file: string
  #ids: ReadonlySet<string>
  #received = 0
  #repeated = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(file: string, ids: readonly string[]) {
    this.#file = file
    this.#ids = new Set(ids)
  }

  static async open(dataDirectory: string): Promise<SeenWebhooks> {
    const file = path.join(dataDirectory, 'webhooks-seen')
    try {
      const lines = (await readFile(file, 'utf8')).split('\n')
      return new SeenWebhooks(file, lines.filter((line) => idForm.test(line)).slice(-mostRemembered))
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error
      await mkdir(dataDirectory, { recursive: true })
      return new SeenWebhooks(file, [])
    }
  }

  get counts(): WebhookCounts {
    return { received: this.#received, repeated: this.#repeated }
  }

  /** Counts a webhook. @returns whether it was acted on before; one without an id never was. */
  isRepeated(id: unknown): boolean {
    this.#received += 1
    const isKnown = typeof id === 'string' && this.#ids.has(id)
    if (isKnown) this.#repeated += 1
    return isKnown
  }

  /** It was acted on: resolves when a restart knows that, too. */
  async add(id: unknown): Promise<void> {
    if (typeof id !== 'string' || !idForm.test(id)) return
    const written = this.#writing.then(async () => {
      const latest = [...new Set([...this.#ids, id])].slice(-mostRemembered)
      await writeWhole(this.#file, `${latest.join('\n')}\n`)
      // Not before: whoever is told that it is known does not send it to the app of after a restart.
      this.#ids = new Set(latest)
    })
    this.#writing = written.catch(() => undefined)
    await written
  }
}
