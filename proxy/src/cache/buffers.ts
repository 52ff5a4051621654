/** Buffers that transfers use one after the other. */
export type Buffers = {
  /** At most `bytes` long, and not longer than what there is to send. */
  take(wantedBytes: number): Buffer
  /** Only a buffer that nothing reads any more. */
  giveBack(buffer: Buffer): void
}

/**
 * A new buffer is new memory: the kernel has to clear each page of it, and the garbage collector to let go of it.
 * @param kept how many of full size are kept while nobody uses them.
 */
export function createBuffers(bytes: number, kept: number): Buffers {
  const free: Buffer[] = []
  return {
    take: (wantedBytes) =>
      wantedBytes < bytes ? Buffer.allocUnsafeSlow(wantedBytes) : (free.pop() ?? Buffer.allocUnsafeSlow(bytes)),
    giveBack(buffer) {
      if (buffer.length === bytes && free.length < kept) free.push(buffer)
    },
  }
}
