import { once } from 'node:events'
import tls from 'node:tls'
import { errorName, FLAG, frame, PREFACE, readFrame, statusOf, TYPE, type Frame } from './frames.ts'

/** How long anything may take before a test gives up on it. */
const DEADLINE_MS = 10_000

export type WireOptions = { port: number; host: string; ca: string }

/** One HTTP/2 connection, frame by frame. */
export type Wire = {
  send(...bytes: readonly Buffer[]): void
  /** The frames that came, oldest first. */
  readonly frames: readonly Frame[]
  /** The first frame, past or future, that the test accepts. Rejects when the connection ends without it. */
  find(test: (frame: Frame) => boolean): Promise<Frame>
  /** Resolves when the edge has closed the connection. */
  closed(): Promise<void>
  /**
   * What came of it, in words: `connection <ERROR>` (GOAWAY, then closed), `closed` (without one), `stream <ERROR>` (RST_STREAM)
   * or a status such as `200` (an answer that is whole).
   * @param stream look at this one only.
   */
  outcome(stream?: number): Promise<string>
  /** Reads nothing until `resume`. */
  pause(): void
  resume(): void
  destroy(): void
}

/** Connects and agrees on `h2`; sends no byte of HTTP. */
export async function connectWire({ port, host, ca }: WireOptions): Promise<Wire> {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: host, ca, ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const frames: Frame[] = []
  const watchers = new Set<() => void>()
  let ended = false
  let pending: Buffer = Buffer.alloc(0)
  const wake = (): void => {
    for (const watch of watchers) watch()
  }
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let read = readFrame(pending); read !== undefined; read = readFrame(pending)) {
      frames.push(read.frame)
      pending = read.rest
    }
    wake()
  })
  // A reset is one of the ways in which an edge may close.
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    wake()
  })

  /** Waits until `look` gives something. */
  function until<Found>(look: () => Found | undefined): Promise<Found> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(() => reject(new Error(`nothing came: ${describe(frames)}`))), DEADLINE_MS)
      const finish = (settle: () => void): void => {
        clearTimeout(timer)
        watchers.delete(watch)
        settle()
      }
      const watch = (): void => {
        const found = look()
        if (found !== undefined) finish(() => resolve(found))
        else if (ended) finish(() => reject(new Error(`closed: ${describe(frames)}`)))
      }
      watchers.add(watch)
      watch()
    })
  }

  return {
    frames,
    send(...bytes) {
      if (!socket.destroyed) socket.write(Buffer.concat(bytes))
    },
    find: (test) => until(() => frames.find(test)),
    async closed() {
      await until(() => ended || undefined)
    },
    async outcome(stream) {
      const result = await until(() => outcomeOf(frames, stream) ?? (ended ? 'closed' : undefined))
      if (result.startsWith('connection')) await until(() => ended || undefined)
      return result
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => socket.destroy(),
  }
}

/** The same, with preface and SETTINGS exchanged. */
export async function openWire(options: WireOptions, settings: Buffer = Buffer.alloc(0)): Promise<Wire> {
  const wire = await connectWire(options)
  wire.send(PREFACE, frame(TYPE.SETTINGS, FLAG.NONE, 0, settings))
  await wire.find(({ type, flags }) => type === TYPE.SETTINGS && (flags & FLAG.ACK) !== 0)
  wire.send(frame(TYPE.SETTINGS, FLAG.ACK, 0))
  return wire
}

function outcomeOf(frames: readonly Frame[], stream: number | undefined): string | undefined {
  let status = 0
  for (const { type, flags, payload, stream: of } of frames) {
    if (type === TYPE.GOAWAY && payload.readUInt32BE(4) !== 0) return `connection ${errorName(payload.readUInt32BE(4))}`
    if (stream !== undefined && of !== stream) continue
    if (type === TYPE.RST_STREAM) return `stream ${errorName(payload.readUInt32BE(0))}`
    if (type === TYPE.HEADERS) status ||= finalStatus(payload)
    const isMessage = type === TYPE.HEADERS || type === TYPE.DATA
    if (isMessage && (flags & FLAG.END_STREAM) !== 0) return String(status)
  }
  return undefined
}

/** Node sends no padding and no priority; 1xx is not yet an answer. */
function finalStatus(block: Buffer): number {
  const status = statusOf(block)
  return status < 200 ? 0 : status
}

function describe(frames: readonly Frame[]): string {
  const names = Object.keys(TYPE)
  return frames.map(({ type, flags, stream }) => `${names[type]}(${flags}) on ${stream}`).join(', ')
}
