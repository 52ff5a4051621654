import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import path from 'node:path'
import { eachAtMost } from '../files.ts'
import type { FolderContent } from './assemble.ts'
import type { Settings } from './model.ts'
import { decodeText, type ParsedSource } from './parse-source.ts'
import type { Parser } from './parser.ts'
import { isSource } from './public-path.ts'
import { defaultSettings, readSettings } from './settings.ts'
import { SourceFault } from './source-fault.ts'
import type { FoundFile } from './walk.ts'
import { walk } from './walk.ts'

type Outcome = { readonly parsed: ParsedSource } | { readonly fault: string }

/** What each source gave when it was last read, so that only changed files are read again. */
export type Memory = Map<string, { readonly stamp: string; readonly outcome: Outcome }>

export interface ReadOptions {
  readonly handle: string
  readonly folder: string
  readonly parser: Parser
  readonly templates: ReadonlySet<string>
  readonly memory: Memory
  /** The last good settings: a broken `blog.json` does not change what the blog looks like. */
  readonly settings: Settings | undefined
}

export const largestSourceBytes = 2_000_000
const largestSettingsBytes = 64 * 1024
const sourcesAtOnce = 4

/** Reads a blog's folder. Never rejects for what an author wrote. @returns undefined when the folder is gone. */
export async function readFolder(options: ReadOptions): Promise<FolderContent | undefined> {
  const files = await walk(options.folder)
  if (files === undefined) return undefined
  const { settings, fault } = await readSettingsFile(files, options)
  const faults = new Map(fault === undefined ? [] : [['blog.json', fault]])
  const sources = files.filter((file) => isSource(file.source))
  forgetOthers(options.memory, sources)
  await eachAtMost(sourcesAtOnce, sources, (file) => readSource(file, options))
  const parsed: [string, { file: FoundFile; source: ParsedSource }][] = []
  for (const file of sources) {
    const outcome = options.memory.get(file.source)?.outcome
    if (outcome === undefined) continue
    if ('parsed' in outcome) parsed.push([file.source, { file, source: outcome.parsed }])
    else faults.set(file.source, outcome.fault)
  }
  const others = files.filter((file) => !isSource(file.source)).map((file) => `${file.source}\0${file.stamp}`)
  const filesHash = hash('sha256', others.join('\n'), 'base64url')
  return { handle: options.handle, folder: options.folder, settings, parsed: new Map(parsed), faults, filesHash }
}

function forgetOthers(memory: Memory, sources: readonly FoundFile[]): void {
  const present = new Set(sources.map((file) => file.source))
  for (const source of memory.keys()) if (!present.has(source)) memory.delete(source)
}

async function readSource(file: FoundFile, { folder, memory, parser }: ReadOptions): Promise<void> {
  if (memory.get(file.source)?.stamp === file.stamp) return
  const outcome = await outcomeOf(async () => {
    const content = await readBounded(folder, file, largestSourceBytes)
    return parser.parse(file.source, content)
  })
  memory.set(file.source, { stamp: file.stamp, outcome })
}

async function outcomeOf(parse: () => Promise<ParsedSource>): Promise<Outcome> {
  try {
    return { parsed: await parse() }
  } catch (error) {
    if (error instanceof SourceFault) return { fault: error.message }
    throw error
  }
}

async function readBounded(folder: string, file: FoundFile, limitBytes: number): Promise<Uint8Array> {
  if (file.bytes > limitBytes) {
    const size = (file.bytes / 1_000_000).toFixed(1)
    throw new SourceFault(`The file has ${size} MB; at most ${limitBytes / 1_000_000} MB can become a page.`)
  }
  try {
    return await readAtMost(path.join(folder, file.source), file.bytes)
  } catch (error) {
    throw new SourceFault('The file cannot be read. Its permissions may be wrong.', { cause: error })
  }
}

/** Reads no more than was there when the file was found, and nothing through a link that took its place since. */
async function readAtMost(file: string, bytes: number): Promise<Uint8Array> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const content = new Uint8Array(bytes)
    const { bytesRead } = await handle.read(content, 0, bytes, 0)
    return content.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function readSettingsFile(files: readonly FoundFile[], options: ReadOptions) {
  const { folder, handle, templates } = options
  const file = files.find(({ source }) => source === 'blog.json')
  if (file === undefined) return { settings: defaultSettings(handle), fault: undefined }
  try {
    const text = decodeText(await readBounded(folder, file, largestSettingsBytes))
    return { settings: readSettings(text, handle, templates), fault: undefined }
  } catch (error) {
    if (!(error instanceof SourceFault)) throw error
    return { settings: options.settings ?? defaultSettings(handle), fault: error.message }
  }
}
