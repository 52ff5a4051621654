import { parentPort, workerData } from 'node:worker_threads'
import { reclaimNow } from './reclaim-now.ts'

/** A thread of the manager's: looks through the disk tier once, and says what it found. */

const { cacheDirectory, maxBytes } = workerData as { cacheDirectory: string; maxBytes: number }
parentPort?.postMessage(reclaimNow(cacheDirectory, maxBytes, Date.now()), [])
