import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'

export type PortHolder = { readonly pid: number; readonly parentPid: number; readonly program: string }

/** State `LISTEN` in /proc/net/tcp (Linux, net/tcp_states.h). */
const listening = '0A'

/** Who listens on a TCP port of this machine, as far as this user may see it; nobody on a system without /proc. */
export async function findPortHolders(port: number): Promise<PortHolder[]> {
  const sockets = new Set((await Promise.all(['tcp', 'tcp6'].map((table) => listeningSockets(table, port)))).flat())
  if (sockets.size === 0) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const holders = await Promise.all(pids.map((pid) => holderOf(pid, sockets)))
  return holders.filter((holder) => holder !== undefined)
}

/** @returns the sockets' names as the links in /proc/<pid>/fd have them. */
async function listeningSockets(table: string, port: number): Promise<string[]> {
  const lines = (await readFile(`/proc/net/${table}`, 'utf8').catch(() => '')).split('\n').slice(1)
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const [, local = '', , state] = fields
    const isPort = Number.parseInt(local.split(':')[1] ?? '', 16) === port
    return isPort && state === listening ? [`socket:[${fields[9]}]`] : []
  })
}

/** Processes come and go, and other users' descriptors are closed to us: what cannot be read holds nothing. */
async function holderOf(pid: string, sockets: ReadonlySet<string>): Promise<PortHolder | undefined> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const links = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
  if (!links.some((link) => sockets.has(link))) return undefined
  const program = basename(await readlink(`/proc/${pid}/exe`).catch(() => 'a program'))
  // `pid (name) state ppid …`, where the name may hold anything (proc_pid_stat(5)).
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const parentPid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  return { pid: Number(pid), parentPid, program }
}
