import { execFileSync } from 'node:child_process'
import { UserUnknown } from '../errors.ts'

export type UserIds = { uid: number; gid: number }

/**
 * Whom workers and manager run as. Only a primary that is root can choose: anyone else's children run as itself.
 * @param user a name or number; root's own number is refused. Undefined (`dev` alone has no default): as the primary.
 * @throws EDGE_ERR_USER_UNKNOWN when there is no such user.
 */
export function resolveUser(user: string | undefined): UserIds | undefined {
  if (process.getuid?.() !== 0 || user === undefined) return undefined
  const uid = ask('-u', user)
  const gid = ask('-g', user)
  if (uid === 0) throw new UserUnknown(`EDGE_USER=${user} is root: name an unprivileged user`)
  return { uid, gid }
}

function ask(flag: '-u' | '-g', user: string): number {
  try {
    return Number(execFileSync('id', [flag, '--', user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch (error) {
    const mend = `useradd --system --shell /usr/sbin/nologin ${user}`
    throw new UserUnknown(`there is no user ${user} (EDGE_USER): make it with "${mend}", or name another`, {
      cause: error,
    })
  }
}
