import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { makeCertificates } from './certificates.ts'

/** All that is served, in a folder of its own: made once for a run, the same files for every server. */
export type Grounds = {
  readonly directory: string
  /** `{cache}/{host}/static` and `{cache}/{host}/{scheme}/permanent`, the layout of Blot. */
  readonly cache: string
  /** What the hosts' folders `static` lead to, and what the upstream serves. */
  readonly www: string
  /** PEM, chain and key in one file, for `bench.test` and all names beneath it. */
  readonly certificate: string
  /** @returns a folder with a certificate for each of `www0.names.test`, `www1.names.test`…, made when first asked for. */
  certificates(names: number): Promise<string>
  remove(): Promise<void>
}

/** `static` is `www`. NGINX has the pages of `cached` in its `proxy_cache`, from the upstream. */
export const HOSTS = {
  files: 'files.bench.test',
  cached: 'cached.bench.test',
  pages: 'pages.bench.test',
  app: 'app.bench.test',
} as const

export const PAGES = 3000
export const SITES = 1000
export const PAGES_OF_SITE = 100

/** Every file has this time, so that one date is a condition for all servers. */
export const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT'
/** The edge keeps a file in memory once it has not changed for two seconds. */
const SETTLE_MS = 2500

const KB = 1024
const MB = 1024 * KB

export async function prepareGrounds(): Promise<Grounds> {
  const directory = mkdtempSync(join(tmpdir(), 'blot-edge-bench-'))
  // Servers that give up being root must get in.
  chmodSync(directory, 0o755)
  const cache = join(directory, 'cache')
  const www = join(directory, 'www')
  for (const size of [1, 2, 10, 100]) write(join(www, `${size}k.html`), textOf(`${size}k`, size * KB))
  const style = textOf('style', 100 * KB)
  write(join(www, 'style.css'), style)
  write(join(www, 'style.css.gz'), gzipSync(style, { level: 9 }))
  write(join(www, 'modern.css'), style)
  write(join(www, 'modern.css.br'), brotliCompressSync(style))
  write(join(www, '1m.pdf'), noiseOf('1m', MB))
  write(join(www, '100m.pdf'), noiseOf('100m', 100 * MB))
  for (const host of [HOSTS.files, HOSTS.cached]) prepareSite(cache, host, www)
  preparePages(cache)
  prepareSites(cache, join(directory, 'sites'))

  const folders = new Map<number, Promise<string>>()
  const certificates = (names: number): Promise<string> => {
    const folder = folders.get(names) ?? makeCertificates(join(directory, `certificates-${names}`), names)
    folders.set(names, folder)
    return folder
  }
  const certificate = join(await certificates(0), 'bench.test.pem')
  await sleep(SETTLE_MS)
  return {
    directory,
    cache,
    www,
    certificate,
    certificates,
    remove: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  }
}

/** Many pages, as the app writes them, for the way from disk. */
function preparePages(cache: string): void {
  for (let page = 0; page < PAGES; page++) {
    write(join(cache, HOSTS.pages, 'http/permanent', `page-${page}.html`), textOf(`page ${page}`, 10 * KB))
  }
}

/** Each site has its own folder; what is in it is one and the same, since a hundred thousand files would only fill the disk. */
function prepareSites(cache: string, shared: string): void {
  for (let page = 0; page < PAGES_OF_SITE; page++) {
    write(join(shared, `page-${page}.html`), textOf(`site ${page}`, (1 + (page % 16)) * KB))
  }
  for (let site = 0; site < SITES; site++) prepareSite(cache, `site-${site}.bench.test`, shared)
}

/** A host's folder as the app keeps it: the blog's own folder, `folder`, has nothing that is asked for here. */
function prepareSite(cache: string, host: string, files: string): void {
  const blog = join(cache, '../blog')
  mkdirSync(blog, { recursive: true })
  link(files, join(cache, host, 'static'))
  link(blog, join(cache, host, 'folder'))
}

function write(path: string, body: Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, body)
  const modified = new Date(MODIFIED)
  utimesSync(path, modified, modified)
}

function link(target: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(target, path)
}

/** Text that compresses as pages do, the same in every run. */
function textOf(seed: string, bytes: number): Buffer {
  const words = 'garden folder becomes website stone letter window quiet of the and a'.split(' ')
  let text = `<!doctype html><title>${seed}</title>\n`
  for (let block = 0; text.length < bytes; block++) {
    const digest = createHash('sha256').update(`${seed} ${block}`).digest()
    text += `<p>${[...digest].map((byte) => words[byte % words.length]).join(' ')} ${digest.toString('hex')}</p>\n`
  }
  return Buffer.from(text).subarray(0, bytes)
}

/** Bytes that do not compress, the same in every run. */
function noiseOf(seed: string, bytes: number): Buffer {
  return createHash('shake256', { outputLength: bytes }).update(seed).digest()
}

/** Logs are kept whole only as long as somebody may want to read them. */
export function emptyLog(file: string): void {
  truncateSync(file)
}
