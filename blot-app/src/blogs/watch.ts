import path from 'node:path'
import { FSWatcher } from 'chokidar'
import { once } from 'node:events'
import type { Log } from '../log.ts'

export interface Watch {
  close(): Promise<void>
}

export interface WatchOptions {
  /** Absolute path of the folder that holds a folder for each blog. */
  readonly directory: string
  readonly log: Log
  /** Called with the name of a blog's folder some milliseconds after something in it changed. */
  readonly onChange: (handle: string) => void
}

// Long enough to take a save of many files as one change, short enough to be unnoticed.
const gatherMs = 40

/** Watches all blogs. Resolves when every folder is being watched: a change after that is reported. */
export async function watchBlogs({ directory, log, onChange }: WatchOptions): Promise<Watch> {
  const pending = new Map<string, NodeJS.Timeout>()
  const watcher = new FSWatcher({
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (file) => file !== directory && path.basename(file).startsWith('.'),
  })
  watcher.on('error', (error) => log.error({ err: error }, 'watch failed'))
  watcher.on('all', (_event, file) => {
    const [handle] = path.relative(directory, file).split(path.sep)
    if (handle === undefined || handle === '' || pending.has(handle)) return
    const report = setTimeout(() => {
      pending.delete(handle)
      onChange(handle)
    }, gatherMs)
    pending.set(handle, report)
  })
  const ready = once(watcher, 'ready')
  watcher.add(directory)
  await ready
  return {
    async close() {
      for (const report of pending.values()) clearTimeout(report)
      pending.clear()
      await watcher.close()
    },
  }
}
