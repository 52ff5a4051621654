import { createPrivateKey } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { AcmeEngineLost, AcmeEngineUnfit } from '../../../errors.ts'
import { untilAborted, withDeadline } from '../../deadline.ts'
import type { EngineOrder } from '../acme/engine.ts'
import type { Ask, FromThread, ThreadData, ThreadOrder, ToThread } from './messages.ts'

export type ThreadOptions = {
  readonly threadFile?: string
  /** From the end of an order here until the thread has to have noticed: else it hangs, and is ended. */
  readonly noticeMs?: number
}

/** One thread with greenlock in it. */
export type Thread = {
  running(): boolean
  /** Rejects with EDGE_ERR_ACME_ENGINE_LOST when the thread ends. */
  order(order: EngineOrder): Promise<string>
  close(): Promise<void>
}

type Underway = { readonly order: EngineOrder; readonly result: PromiseWithResolvers<string> }

const START_MS = 30_000
const NOTICE_MS = 5_000
/** A thread ends within milliseconds, if it does. */
const CLOSE_MS = 1_000
const MAX_HEAP_MB = 128

/** Rejects with EDGE_ERR_ACME_ENGINE_UNFIT or _LOST. */
export async function startThread(options: ThreadOptions): Promise<Thread> {
  const { threadFile = join(import.meta.dirname, 'thread.ts'), noticeMs = NOTICE_MS } = options
  const folder = await mkdtemp(join(tmpdir(), 'blot-edge-greenlock-'))
  const worker = createWorker(threadFile, folder)
  const underway = new Map<number, Underway>()
  const ready = Promise.withResolvers<void>()
  let lastId = 0
  let running = true
  const tell = (message: ToThread): void => worker.postMessage(message, [])

  async function answer(id: number, call: number, ask: Ask): Promise<void> {
    const order = underway.get(id)?.order
    try {
      if (order === undefined || order.signal.aborted) tell({ kind: 'refusal', call })
      else tell({ kind: 'answer', call, value: await carryOut(order, ask) })
    } catch {
      // The issuer knows why; the thread's order ends by it.
      tell({ kind: 'refusal', call })
    }
  }

  worker.on('message', (message: FromThread) => {
    if (message.kind === 'ready') ready.resolve()
    else if (message.kind === 'unfit') ready.reject(new AcmeEngineUnfit(message.reason))
    else if (message.kind === 'call') void answer(message.id, message.call, message.ask)
    else {
      const ended = underway.get(message.id)
      underway.delete(message.id)
      if (message.kind === 'done') ended?.result.resolve(message.pem)
      else ended?.result.reject(new Error(message.reason))
    }
  })
  worker.on('error', (error: unknown) => lose(error instanceof Error ? error.message : String(error)))
  const exited = new Promise<number>((resolve) => worker.once('exit', resolve)).then(async (code) => {
    lose(`with ${code}`)
    await rm(folder, { recursive: true, force: true })
  })

  /** Not at its exit alone: what hangs in native code cannot be ended. */
  function lose(reason: string): void {
    if (!running) return
    running = false
    const lost = new AcmeEngineLost(reason)
    ready.reject(lost)
    for (const { result } of underway.values()) result.reject(lost)
    underway.clear()
    void worker.terminate()
  }

  async function close(): Promise<void> {
    lose('it was closed')
    await Promise.race([exited, delay(CLOSE_MS, undefined, { ref: false })])
    worker.unref()
  }

  try {
    await withDeadline(START_MS, (signal) => untilAborted(ready.promise, signal))
  } catch (error) {
    await close()
    throw error
  }

  return {
    running: () => running,
    async order(order) {
      const id = (lastId += 1)
      const result = Promise.withResolvers<string>()
      underway.set(id, { order, result })
      tell({ kind: 'order', id, order: forThread(order) })
      try {
        return await untilAborted(result.promise, order.signal)
      } finally {
        // Every wait of the thread is for one of our answers: with those refused, it has nothing left to wait for.
        if (underway.has(id)) setTimeout(() => underway.has(id) && lose('it hung'), noticeMs).unref()
      }
    },
    close,
  }
}

function createWorker(threadFile: string, folder: string): Worker {
  const plugin = (name: string): string => join(import.meta.dirname, 'plugins', `${name}.cjs`)
  const plugins = { manager: plugin('manager'), store: plugin('store'), challenge: plugin('challenge') }
  const worker = new Worker(threadFile, {
    workerData: { folder, plugins } satisfies ThreadData,
    // `ENV=development` and `--staging` would have it order from the CA for staging, silently.
    env: {},
    argv: [],
    execArgv: [],
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  })
  // What it prints is for whoever runs it by hand.
  worker.stdout.resume()
  worker.stderr.resume()
  return worker
}

async function carryOut(order: EngineOrder, ask: Ask): Promise<unknown> {
  if (ask.kind === 'post') return order.post(ask.url, ask.payload)
  if (ask.kind === 'settle') return order.settle(ask.url, ask.name)
  return order.present(ask.challenge)
}

function forThread(order: EngineOrder): ThreadOrder {
  const { names, csrPem, privateKeyPem, account, directoryUrl, directory, challengeTypes } = order
  return {
    names,
    csrPem,
    privateKeyJwk: createPrivateKey(privateKeyPem).export({ format: 'jwk' }),
    accountJwk: account.jwk,
    accountUrl: account.accountUrl,
    directoryUrl,
    directory,
    challengeTypes,
  }
}
