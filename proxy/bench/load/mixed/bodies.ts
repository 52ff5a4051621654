import type { Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Body } from './transport.ts'

const PIECE_BYTES = 64 * 1024

/** As fast as it is taken. */
export function wholeBody(content: Buffer): Body {
  return inPieces(content, PIECE_BYTES, 0)
}

/** A piece, a rest, a piece… */
export function inPieces(content: Buffer, pieceBytes: number, restMs: number): Body {
  return {
    bytes: content.length,
    async *chunks() {
      for (let sent = 0; sent < content.length; sent += pieceBytes) {
        if (sent > 0 && restMs > 0) await sleep(restMs)
        yield content.subarray(sent, sent + pieceBytes)
      }
    },
  }
}

/**
 * Sends a body and ends the request; resolves when all is handed over, or nobody takes it any more. Not `pipeline`: it waits for a
 * `drain` before it ends a request, and there is none once the answer is there, which may be before the last write is confirmed.
 */
export async function send(body: Body, request: Writable): Promise<void> {
  let last: Buffer | undefined
  for await (const chunk of body.chunks()) {
    if (last !== undefined && !request.write(last)) await drained(request)
    if (request.destroyed) return
    last = chunk
  }
  request.end(last)
}

function drained(request: Writable): Promise<void> {
  return new Promise((resolve) => {
    request.once('drain', resolve)
    request.once('close', resolve)
  })
}
