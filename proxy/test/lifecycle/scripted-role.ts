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
  await playRole(async ({ id }, channel, handlers) => {
    if (does('hang')) return never
    if (does('fail')) throw Object.assign(new Error(`${id} has no luck`), { code: 'EDGE_ERR_NO_LUCK' })
    handlers.purge = async ({ purge }) => {
      const answers = await channel.call('worker', 'applyPurges', { after: 0, purges: [purge] })
      return { counts: answers.flat(2), pending: false }
    }
    handlers.applyPurges = async ({ purges: [purge] }) => {
      if (purge?.hosts.includes(`kill ${id}`)) process.kill(process.pid, 'SIGKILL')
      return purge?.hosts.includes(`hang ${id}`) ? never : [[process.pid]]
    }
    return { listeners: [], drain: () => (does('hang-in-drain') ? never : Promise.resolve()) }
  }),
)
