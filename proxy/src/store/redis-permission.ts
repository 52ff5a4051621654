import { parentOf } from '../site/name.ts'
import type { Permission } from '../certificates/contracts.ts'
import type { RedisStore } from './redis.ts'

/** The app's own allow-list: `domain:<host>` exists, or for a handle of $BLOT_HOST, `handle:<handle>`. */
export function createRedisPermission(store: RedisStore, blotHost: string): Permission {
  return {
    async ask(name) {
      const keys = [`domain:${name}`]
      if (parentOf(name) === blotHost) keys.push(`handle:${name.slice(0, -(blotHost.length + 1))}`)
      return (await store.command((redis) => redis.exists(...keys))) > 0
    },
  }
}
