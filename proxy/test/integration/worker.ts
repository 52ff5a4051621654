import { readdirSync, readFileSync } from 'node:fs'
import { ask } from './client.ts'
import type { RunningEdge } from './edge.ts'

/** The process that serves, seen from outside. */
export type Worker = {
  readonly pid: number
  /** Open file descriptors. */
  descriptors(): number
  /** Resident memory now. */
  residentBytes(): number
}

type Status = { processes: { role: string; pid: number }[] }

/** The worker of an edge that has one. */
export async function workerOf(edge: RunningEdge): Promise<Worker> {
  const page = await ask({ port: edge.admin, host: 'x', authority: '127.0.0.1', protocol: 'http/1.1', path: '/status' })
  const workers = (JSON.parse(page.text) as Status).processes.filter(({ role }) => role === 'worker')
  const [worker] = workers
  if (worker === undefined || workers.length > 1) throw new Error(`the edge has ${workers.length} workers`)
  const { pid } = worker
  return {
    pid,
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    residentBytes: () => Number(/^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024,
  }
}
