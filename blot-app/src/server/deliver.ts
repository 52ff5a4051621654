import path from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { contentType } from 'mime-types'
import type { Page } from '../render/page.ts'
import { byteRange } from './byte-range.ts'
import { isNotModified, lastModified, rangeStillFits } from './conditional.ts'
import type { PublicFile } from './public-file.ts'

const readBytes = 256 * 1024

// A reply is a thenable that settles when it is sent, so the functions that send one return nothing.
export interface Delivery {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** @param modified When the blog that the page is of took its present state. */
export function deliverPage({ request, reply }: Delivery, page: Page, modified: Date): void {
  reply.header('content-type', page.contentType).header('cache-control', page.cacheControl)
  reply.header('cache-tag', page.tags.join(',')).code(page.status)
  if (page.status !== 200) return void reply.send(page.body)
  reply.header('etag', page.etag).header('last-modified', lastModified(modified))
  if (isNotModified(request.headers, { etag: page.etag, modified })) return void reply.code(304).send()
  return void reply.send(page.body)
}

export interface FileHeaders {
  readonly name: string
  readonly cacheControl: string
  readonly tags: readonly string[]
}

/** Streams a file, or the part of it that was asked for, and closes it. */
export async function deliverFile(delivery: Delivery, file: PublicFile, headers: FileHeaders): Promise<void> {
  const { request, reply } = delivery
  const { handle, stats } = file
  const size = Number(stats.size)
  const validators = { etag: fileTag(file), modified: stats.mtime }
  setFileHeaders(reply, headers, validators)
  if (isNotModified(request.headers, validators)) {
    await handle.close()
    return void reply.code(304).send()
  }
  const takesRange = request.method === 'GET' && rangeStillFits(request.headers, validators)
  const range = takesRange ? byteRange(request.headers.range, size) : undefined
  if (range === 'unsatisfiable') {
    await handle.close()
    return void reply.code(416).header('content-range', `bytes */${size}`).send()
  }
  const { start, end } = range ?? { start: 0, end: size - 1 }
  if (range !== undefined) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`)
  reply.header('content-length', end - start + 1)
  if (request.method === 'HEAD' || size === 0) {
    await handle.close()
    return void reply.send()
  }
  return void reply.send(handle.createReadStream({ start, end, highWaterMark: readBytes }))
}

/** A strong validator without reading the file: whatever is written to it gets another time. */
function fileTag({ stats }: PublicFile): string {
  return `"${[stats.ino, stats.mtimeNs, stats.size].map((part) => part.toString(36)).join('-')}"`
}

function setFileHeaders(
  reply: FastifyReply,
  { name, cacheControl, tags }: FileHeaders,
  { etag, modified }: { readonly etag: string; readonly modified: Date },
): void {
  reply
    .header('content-type', contentType(path.posix.extname(name)) || 'application/octet-stream')
    .header('cache-control', cacheControl)
    .header('cache-tag', tags.join(','))
    .header('etag', etag)
    .header('last-modified', lastModified(modified))
    .header('accept-ranges', 'bytes')
}
