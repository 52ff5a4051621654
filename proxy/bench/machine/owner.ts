import { execFileSync } from 'node:child_process'

/** Whom the servers run as when the benchmark is root's: nobody needs to be made for it. */
export const UNPRIVILEGED = 'nobody'

/** As root, hands a folder to whom the servers run as. */
export function handOver(folder: string): void {
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', UNPRIVILEGED, folder])
}
