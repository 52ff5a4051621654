import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'

/** Large and slow transfers at once: an upload, many uploads that trickle, and a download to a reader of 100 KB/s. */

type Input = {
  http: number
  https: number
  /** Where uploads may be large, over https; and a site with an app. */
  host: string
  app: string
  uploadBytes: number
  slowUploads: number
  /** How long the slow ones last at least. */
  seconds: number
}

const SIP_BYTES = 10 * 1024
const SIP_MS = 100
const SLOW_BYTES = 1024 * 1024
const CHUNK = Buffer.alloc(64 * 1024, 'blot')

const input = (await json(process.stdin)) as Input
const startedMs = performance.now()
let uploading = true
const counts = await Promise.all([upload().finally(() => (uploading = false)), trickle(), sip()])
const count = counts.reduce((sum, some) => sum + some)
process.stdout.write(
  JSON.stringify({ count, errors: 0, seconds: (performance.now() - startedMs) / 1000, p50Ms: 0, p99Ms: 0 }),
)
process.exit(0)

function isOver(): boolean {
  return !uploading && performance.now() - startedMs >= input.seconds * 1000
}

/** @returns 1, when the app has had every byte. */
async function upload(): Promise<number> {
  const { https: port, host, uploadBytes } = input
  const socket = tls.connect({ port, host: '127.0.0.1', servername: host, rejectUnauthorized: false })
  const answered = readAnswer(socket)
  socket.write(head('POST', '/clients/git/large', host, uploadBytes))
  for (let sent = 0; sent < uploadBytes; sent += CHUNK.length) {
    if (!socket.write(CHUNK.subarray(0, uploadBytes - sent))) await once(socket, 'drain')
  }
  const answer = await answered
  if (!answer.endsWith(`\r\n\r\n${uploadBytes}\n`)) throw new Error(`unexpected answer: ${answer.slice(0, 200)}`)
  return 1
}

/** @returns how many uploads there were. */
async function trickle(): Promise<number> {
  const sockets = Array.from({ length: input.slowUploads }, () => {
    const socket = open()
    socket.write(head('POST', '/upload', input.app, SLOW_BYTES))
    return socket
  })
  while (!isOver()) {
    for (const socket of sockets) socket.write('slow')
    await sleep(SIP_MS)
  }
  return sockets.length
}

/** @returns 1, when the download is under way. */
async function sip(): Promise<number> {
  const socket = open()
  socket.write(head('GET', '/endless', input.app, 0))
  await once(socket, 'readable')
  const answer = String(socket.read())
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`unexpected answer: ${answer.slice(0, 200)}`)
  while (!isOver()) {
    await sleep(SIP_MS)
    socket.read(Math.min(SIP_BYTES, socket.readableLength))
  }
  return 1
}

function open(): Socket {
  const socket = net.connect(input.http, '127.0.0.1')
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed a connection in the middle of a transfer')))
  return socket
}

function head(method: string, path: string, host: string, bytes: number): string {
  const length = bytes === 0 ? '' : `Content-Length: ${bytes}\r\n`
  return `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${length}\r\n`
}

async function readAnswer(socket: Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

function fail(error: Error): never {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}
