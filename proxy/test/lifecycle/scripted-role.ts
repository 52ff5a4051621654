import { createMetrics } from '../../src/admin/metrics.ts'
import type { CallHandlers } from '../../src/lifecycle/channel.ts'
import { playRole } from '../../src/lifecycle/role.ts'

/**
 * A child process for tests of what its parent does: the variable SCRIPT names what it does, `hang` or `worker:hang`.
 * A purge of `kill` or `hang` and a name does that to the worker of the name; the manager passes purges on to all.
 */
const [, , role = ''] = process.argv
const script = (process.env['SCRIPT'] ?? '').split(',')
const never = new Promise<never>(() => setInterval(() => undefined, 60_000))
const does = (what: string): boolean => script.includes(what) || script.includes(`${role}:${what}`)

process.exit(
  await playRole(async ({ name }, channel, handlers: CallHandlers) => {
    if (does('hang')) return never
    if (does('fail')) throw Object.assign(new Error(`${name} has no luck`), { code: 'EDGE_ERR_NO_LUCK' })
    if (does('die')) process.kill(process.pid, 'SIGKILL')
    let leads = false
    handlers.purge = async (ask) => {
      // One that does not lead has the other one do it, as the real manager does.
      if (!leads) return (await channel.call('manager', 'purge', ask))[0] ?? never
      const answers = await channel.call('worker', 'applyPurges', { after: 0, purges: [ask.purge] })
      return { counts: answers.flat(2), pending: false }
    }
    handlers.applyPurges = async ({ purges: [purge] }) => {
      if (purge?.hosts.includes(`kill ${name}`)) process.kill(process.pid, 'SIGKILL')
      return purge?.hosts.includes(`hang ${name}`) ? never : [[process.pid]]
    }
    const metrics = createMetrics()
    return {
      async serve() {
        if (does('not-serve')) throw new Error(`${name} cannot serve`)
        leads = true
      },
      probe: (connection) => void connection.end('here'),
      async letGo() {
        if (does('hold-on')) await never
        leads = false
      },
      snapshot: () => metrics.snapshot(),
      drain: () => (does('hang-in-drain') ? never : Promise.resolve()),
    }
  }),
)
