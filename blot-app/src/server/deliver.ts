import path from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { contentType } from 'mime-types'
import type { Page } from '../render/page.ts'
import { byteRange } from './byte-range.ts'
import { isNotModified, lastModified, rangeStillFits } from './conditional.ts'
import type { PublicFile } from './public-file.ts'

const readBytes = 256 * 1024

export interface Delivery {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** @param modified When the blog that the page is of took its present state. */
export function deliverPage({ request, reply }: Delivery, page: Page, modified: Date): FastifyReply {
  reply.header('content-type', page.contentType).header('cache-control', page.cacheControl)
  if (page.tags.length > 0) reply.header('cache-tag', page.tags.join(','))
  if (page.status !== 200) return reply.code(page.status).send(page.body)
  reply.header('etag', page.etag).header('last-modified', lastModified(modified))
  if (isNotModified(request.headers, { etag: page.etag, modified })) return reply.code(304).send()
  return reply.send(page.body)
}

export interface FileHeaders {
  readonly name: string
  readonly cacheControl: string
  readonly tags: readonly string[]
}

/** Streams a file, or the part of it that was asked for, and closes it. */
export async function deliverFile(
  { request, reply }: Delivery,
  { handle, stats }: PublicFile,
  { name, cacheControl, tags }: FileHeaders,
): Promise<FastifyReply> {
  const size = Number(stats.size)
  const validators = {
    etag: `"${stats.ino.toString(36)}-${stats.mtimeNs.toString(36)}-${size}"`,
    modified: stats.mtime,
  }
  reply
    .header('content-type', contentType(path.posix.extname(name)) || 'application/octet-stream')
    .header('cache-control', cacheControl)
    .header('cache-tag', tags.join(','))
    .header('etag', validators.etag)
    .header('last-modified', lastModified(stats.mtime))
    .header('accept-ranges', 'bytes')
  const isNew = !isNotModified(request.headers, validators)
  const fits = request.method === 'GET' && rangeStillFits(request.headers, validators)
  const range = fits ? byteRange(request.headers.range, size) : undefined
  if (!isNew || range === 'unsatisfiable' || request.method === 'HEAD' || size === 0) {
    await handle.close()
    if (!isNew) return reply.code(304).send()
    if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send()
    return reply.header('content-length', size).send()
  }
  const { start, end } = range ?? { start: 0, end: size - 1 }
  if (range !== undefined) reply.code(206).header('content-range', `bytes ${start}-${end}/${size}`)
  reply.header('content-length', end - start + 1)
  return reply.send(handle.createReadStream({ start, end, highWaterMark: readBytes }))
}
