import { closeSync, read } from 'node:fs'
import { promisify } from 'node:util'
import { cut } from '../cut.ts'
import { codeOf, FileTruncated } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import type { Exchange, Outgoing } from '../request.ts'
import type { Buffers } from './buffers.ts'
import type { Span } from './ranges.ts'

const readInto = promisify(read)

/**
 * Sends parts of an open file as the body of a response whose head is written, at the reader's pace, and closes the file.
 * If it cannot be read to the end, the connection or stream is cut: no answer looks whole that is not.
 * @returns when the last byte is handed over, or the visitor is gone; never rejects.
 */
export async function sendFile(
  exchange: Exchange,
  descriptor: number,
  parts: readonly (Span | Buffer)[],
  buffers: Buffers,
): Promise<void> {
  try {
    const buffer = buffers.take(longestOf(parts))
    for (const part of parts) {
      const chunks = Buffer.isBuffer(part) ? [part] : chunksOf(descriptor, part, buffer)
      for await (const chunk of chunks) {
        if (!(await write(exchange.response, chunk))) return
        exchange.bytes += chunk.length
      }
    }
    exchange.response.end()
    // Of a visitor who is gone, nobody knows what of the buffer is still to be written.
    buffers.giveBack(buffer)
  } catch (error) {
    exchange.reason = codeOf(error)
    edgeChannel('fault').publish({ area: 'cache', message: 'file could not be sent', error, name: exchange.head.host })
    cut(exchange.response)
  } finally {
    closeSync(descriptor)
  }
}

async function* chunksOf(descriptor: number, { start, end }: Span, buffer: Buffer): AsyncGenerator<Buffer, void> {
  let position = start
  while (position < end) {
    const { bytesRead } = await readInto(descriptor, buffer, 0, Math.min(buffer.length, end - position), position)
    if (bytesRead === 0) throw new FileTruncated()
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

function longestOf(parts: readonly (Span | Buffer)[]): number {
  return Math.max(...parts.map((part) => (Buffer.isBuffer(part) ? 0 : part.end - part.start)))
}

/** @returns true when the bytes have left the process, false when the visitor is gone. */
function write(response: Outgoing, chunk: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    // A socket that dies beneath a response calls no callback.
    const onClose = (): void => resolve(false)
    response.once('close', onClose)
    const onWritten = (error?: Error | null): void => {
      response.off('close', onClose)
      resolve(error === undefined || error === null)
    }
    if ('stream' in response) response.write(chunk, onWritten)
    else response.write(chunk, onWritten)
  })
}
