import { randomBytes } from 'node:crypto'
import type { Dirent } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { codeOf } from '../../src/errors.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { startRedis } from './redis-server.ts'
import type { Store, StoreConfig } from '../../src/store/open.ts'

/** A place where a store is, of either kind. */
export type Place = {
  readonly store: StoreConfig['store']
  /** Opens it, once more each time, as another process or machine would; it closes with the test. */
  open(t: Test, config?: Partial<StoreConfig>): Promise<Store>
  /** All that is kept there, as text. */
  dump(): Promise<string>
  /** The record of a certificate as it lies there. */
  readRaw(name: string): Promise<string>
}

export async function makePlace(t: Test, kind: 'file' | 'redis'): Promise<Place> {
  const directory = temporaryDirectory(t)
  if (kind === 'file') {
    const folder = join(directory, 'store')
    const readRaw = (name: string): Promise<string> => readFile(join(folder, `certificates/${name}.json`), 'utf8')
    return placeOf({ kind, directory: folder }, () => dumpFolder(folder), readRaw)
  }
  const server = await startRedis(directory)
  t.teardown(() => server.stop())
  const redis = new Redis(server.url)
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  const readRaw = async (name: string): Promise<string> => (await redis.get(`ssl:${name}:latest`)) ?? ''
  return placeOf({ kind, url: server.url }, () => dumpRedis(redis), readRaw)
}

function placeOf(store: Place['store'], dump: Place['dump'], readRaw: Place['readRaw']): Place {
  const open: Place['open'] = async (t, config) => {
    const opened = await openStore({ store, storePrefix: 'ssl', host: 'blot.im', ...config })
    t.teardown(() => opened.close())
    return opened
  }
  return { store, open, dump, readRaw }
}

/** A new secret for EDGE_STORE_KEY. */
export function makeStoreKey(): string {
  return randomBytes(32).toString('base64')
}

async function dumpFolder(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  // SQLite's journals come and go meanwhile.
  const read = ({ parentPath, name }: Dirent): Promise<string> =>
    readFile(join(parentPath, name), 'latin1').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return ''
      throw error
    })
  return (await Promise.all(files.map(read))).join('\n')
}

async function dumpRedis(redis: Redis): Promise<string> {
  const keys = (await redis.keys('*')).filter((key) => !/^edge:(due|\{budget\})/.test(key))
  return JSON.stringify(keys.length === 0 ? [] : await redis.mget(keys))
}
