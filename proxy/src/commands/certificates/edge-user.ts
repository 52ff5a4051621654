import type { Config } from '../../config.ts'
import { resolveUser } from '../../lifecycle/user.ts'

/**
 * Started as root, a command that touches the store goes on as the edge's user, and for good: what it writes, the edge has to
 * read. Whatever only root may read or create comes before.
 */
export function becomeEdgeUser({ user }: Pick<Config, 'user'>): void {
  const ids = resolveUser(user)
  if (ids === undefined) return
  process.setgroups?.([ids.gid])
  process.setgid?.(ids.gid)
  process.setuid?.(ids.uid)
}
