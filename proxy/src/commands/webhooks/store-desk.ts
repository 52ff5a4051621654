import { openSpareWebhooks } from '../../lifecycle/webhooks.ts'
import { openStore } from '../../store/open.ts'
import { createWebhookDesk } from '../../webhooks/desk.ts'
import { becomeEdgeUser } from '../certificates/edge-user.ts'
import type { CommandContext } from '../command.ts'
import type { Desk } from './desk.ts'

/** The store without an edge: what waits there can be seen and dropped, and what was given up can wait again. */
export async function openStoreDesk(context: CommandContext): Promise<Desk> {
  const { config } = await context.resolve('run')
  becomeEdgeUser(config)
  const store = await openStore(config)
  const spare = await openSpareWebhooks(config)
  return {
    ...createWebhookDesk(store.webhooks, spare, () => {}),
    isRunning: false,
    async close() {
      spare?.close()
      await store.close()
    },
  }
}
