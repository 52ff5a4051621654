import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'
import type { Store } from '../../src/store/open.ts'

/** Both kinds of store; each is opened twice, as two processes or two machines would. */
export type StorePair = {
  readonly kind: 'file' | 'redis'
  readonly one: Store
  readonly two: Store
  /** Opens it once more; the caller closes it. */
  open(): Promise<Store>
  /** Of Redis. */
  readonly url: string
  /** Of files. */
  readonly directory: string
}

/** A new secret for EDGE_STORE_KEY. */
export function makeStoreKey(): string {
  return randomBytes(32).toString('base64')
}

export async function openPair(t: Test, kind: 'file' | 'redis'): Promise<StorePair> {
  const directory = temporaryDirectory(t)
  const server = kind === 'redis' ? await startRedis(directory) : undefined
  t.teardown(() => server?.stop())
  const url = server?.url ?? ''
  const store =
    server === undefined
      ? { kind: 'file' as const, directory: join(directory, 'store') }
      : { kind: 'redis' as const, url }
  const open = (): Promise<Store> => openStore({ store, storePrefix: 'ssl', host: 'blot.im' })
  const [one, two] = await Promise.all([open(), open()])
  t.teardown(() => Promise.all([one.close(), two.close()]))
  return { kind, one, two, open, url, directory: join(directory, 'store') }
}
