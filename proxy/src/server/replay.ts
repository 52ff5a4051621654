import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { endGently } from './linger.ts'
import type { OddLine } from './odd-line.ts'

/** Listeners by which Node's HTTP server would go on with a connection that its parser has given up. */
const OF_THE_PARSER = ['data', 'end', 'drain', 'timeout'] as const

/** A connection from an odd request line on, which is replaced by one that a second parser takes. */
export class Replay extends Duplex {
  readonly line: OddLine
  readonly #socket: Socket

  /** @param packet begins with the line. */
  constructor(socket: Socket, line: OddLine, packet: Buffer) {
    super()
    this.line = line
    this.#socket = socket
    // As with the socket itself: whoever reads or writes is told by its own error.
    this.on('error', ignore)
    for (const event of OF_THE_PARSER) socket.removeAllListeners(event)
    socket.setTimeout(0)
    this.push(Buffer.concat([Buffer.from(line.substitute, 'latin1'), packet.subarray(line.length)]))
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.once('end', () => this.push(null))
    socket.on('timeout', () => this.emit('timeout'))
    socket.once('close', () => this.destroy())
  }

  /** As `net.Socket` has it: Node's answers use it. */
  setTimeout(timeoutMs: number): this {
    this.#socket.setTimeout(timeoutMs)
    return this
  }

  /** As `net.Socket` has it, too. */
  resetAndDestroy(): this {
    this.#socket.resetAndDestroy()
    return this
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _final(done: () => void): void {
    endGently(this.#socket)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}

function ignore(): void {}
