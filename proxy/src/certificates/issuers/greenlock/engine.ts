import { startThread, type Thread, type ThreadOptions } from './start-thread.ts'
import type { AcmeEngine } from '../acme/engine.ts'

/**
 * The engine `greenlock`, in a thread of its own, which is started anew when it ended. Rejects with
 * EDGE_ERR_ACME_ENGINE_UNFIT when greenlock is of another version than the one that is corrected.
 */
export async function openGreenlock(options: ThreadOptions = {}): Promise<AcmeEngine> {
  let current = startThread(options)
  await current

  async function live(): Promise<Thread> {
    const known = current
    const thread = await known.catch(() => undefined)
    if (thread?.running() === true) return thread
    // Orders that come at the same time share the new one.
    if (current === known) current = startThread(options)
    return current
  }

  return {
    order: async (order) => (await live()).order(order),
    async close() {
      const thread = await current.catch(() => undefined)
      await thread?.close()
    },
  }
}
