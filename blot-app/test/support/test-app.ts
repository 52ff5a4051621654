import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import type { Test } from 'tap'
import { startApp, type RunningApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { visit, type Answer, type VisitOptions } from './visit.ts'

/** Files by path, below a folder. */
export type Files = Readonly<Record<string, string | Buffer>>

export interface TestApp extends RunningApp {
  /** Absolute path of a folder that is removed after the test: `blogs`, `data` and `cache` are in it. */
  readonly folder: string
  /** Writes a file below `blogs`, making its folders. */
  write(file: string, content: string | Buffer): void
  visit(url: string, options?: VisitOptions): Promise<Answer>
}

export interface TestAppOptions {
  /** Paths below the folder of all blogs. */
  readonly files?: Files
  readonly environment?: Readonly<Record<string, string>>
  /** The folder of an earlier app, to start again on what it left. */
  readonly folder?: string
}

/** A folder of its own for a test, with the real path. */
export function temporaryFolder(t: Test): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'blot-app-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function writeFiles(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
}

/** Starts the real app on a free port, on folders of its own. */
export async function startTestApp(t: Test, options: TestAppOptions = {}): Promise<TestApp> {
  const folder = options.folder ?? temporaryFolder(t)
  const blogs = path.join(folder, 'blogs')
  mkdirSync(blogs, { recursive: true })
  writeFiles(blogs, options.files ?? {})
  const config = readConfig({
    BLOT_PORT: '0',
    BLOT_BLOGS_DIRECTORY: blogs,
    BLOT_DATA_DIRECTORY: path.join(folder, 'data'),
    BLOT_CACHE_DIRECTORY: path.join(folder, 'cache'),
    ...options.environment,
  })
  const app = await startApp(config, pino({ level: 'silent' }))
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= app.close())
  t.teardown(close)
  return {
    ...app,
    close,
    folder,
    write: (file, content) => writeFiles(blogs, { [file]: content }),
    visit: (url, request) => visit(app.port, url, request),
  }
}
