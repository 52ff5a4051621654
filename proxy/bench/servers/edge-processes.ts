import { connectionsOf } from '../machine/connections.ts'
import type { RunningEdge } from './edge.ts'

type Ports = Pick<RunningEdge, 'http' | 'https' | 'admin'>

/** An idle connection may be closed, by a manager that goes, just as a request is sent over it (RFC 9112 9.3.1). */
export const ALONE = { connection: 'close' }

export type EdgeProcess = { readonly role: string; readonly id: string; readonly pid: number; readonly state: string }

export async function processesOf({ admin }: Pick<Ports, 'admin'>): Promise<EdgeProcess[]> {
  const response = await fetch(`http://127.0.0.1:${admin}/status`, { headers: ALONE })
  return ((await response.json()) as { processes: EdgeProcess[] }).processes
}

/** What somebody lost who was killed. */
export type Killed = {
  readonly id: string
  readonly pid: number
  /** The visitors' ports of the connections that were its own. */
  readonly owned: ReadonlySet<number>
  readonly atMs: number
}

/** `SIGKILL` for a worker that serves. It is stopped first: what it owns does not change while we look. */
export async function killWorker(edge: Ports): Promise<Killed> {
  const workers = (await processesOf(edge)).filter(({ role, state }) => role === 'worker' && state === 'running')
  const busiest = workers
    .map(({ id, pid }) => ({ id, pid, count: connectionsOf(pid, [edge.http, edge.https]).size }))
    .toSorted((left, right) => right.count - left.count)[0]
  if (busiest === undefined) throw new Error('no worker is running')
  const { id, pid } = busiest
  process.kill(pid, 'SIGSTOP')
  const owned = connectionsOf(pid, [edge.http, edge.https])
  process.kill(pid, 'SIGKILL')
  return { id, pid, owned, atMs: Date.now() }
}
