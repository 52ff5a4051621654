import { createHash } from 'node:crypto'
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import { TLSSocket } from 'node:tls'
import { codeOf } from '../../errors.ts'

/** What one of two servers answered. */
export type Answered = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  /** SHA-256 of the body, hexadecimal, and its length. */
  readonly bodyHash: string
  readonly bodyBytes: number
  /** SHA-256 of the leaf; undefined without TLS. */
  readonly fingerprint: string | undefined
}

/** Where a server listens: the URL's own host goes into `Host` and SNI. */
export type Place = {
  readonly scheme: 'http' | 'https'
  readonly hostname: string
  readonly port: number
  /** Ports that its links carry, because it is not where it will be: they are taken out of the answer. */
  readonly ports: readonly number[]
}

const LIMIT_MS = 30_000
/** Links in larger bodies are compared as they are. */
const MAX_TEXT_BYTES = 16 * 1024 * 1024

/** @returns the answer, or why there is none: `ECONNREFUSED`, `no answer within 30 s`. */
export async function ask(place: Place, url: URL, signal: AbortSignal): Promise<Answered | string> {
  try {
    return await exchange(place, url, signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    const code = codeOf(error)
    return code === 'Error' && error instanceof Error ? error.message : code
  }
}

function exchange({ scheme, hostname, port, ports }: Place, url: URL, signal: AbortSignal): Promise<Answered> {
  const options: RequestOptions = {
    hostname,
    port,
    path: url.pathname + url.search,
    headers: {
      host: url.host,
      // One form of the body to compare.
      'accept-encoding': 'identity',
      accept: 'text/html,*/*;q=0.8',
      'user-agent': 'blot-edge migrate',
    },
    agent: false,
    signal,
    timeout: LIMIT_MS,
  }
  return new Promise((resolve, reject) => {
    const begin = (response: IncomingMessage): void => void read(response, ports).then(resolve, reject)
    // Names of customers, on a loopback address: what is presented is compared, not believed.
    const asking =
      scheme === 'http'
        ? requestHttp(options, begin)
        : requestHttps({ ...options, servername: url.hostname, rejectUnauthorized: false }, begin)
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`)))
    asking.on('error', reject)
    asking.end()
  })
}

async function read(response: IncomingMessage, ports: readonly number[]): Promise<Answered> {
  // Asked now: afterwards the socket may be gone.
  const { socket } = response
  const fingerprint = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.fingerprint256 : undefined
  const hash = createHash('sha256')
  const held: Buffer[] = []
  let bodyBytes = 0
  for await (const chunk of response) {
    held.push(chunk as Buffer)
    bodyBytes += (chunk as Buffer).length
    if (bodyBytes > MAX_TEXT_BYTES) for (const part of held.splice(0)) hash.update(part)
  }
  const rest = Buffer.concat(held).toString('latin1')
  hash.update(bodyBytes > MAX_TEXT_BYTES ? rest : withoutPorts(rest, ports), 'latin1')
  const headers = new Map(
    Object.entries(response.headers).map(([name, value]) => [name, withoutPorts(String(value), ports)]),
  )
  return { status: response.statusCode ?? 0, headers, bodyHash: hash.digest('hex'), bodyBytes, fingerprint }
}

/** `https://a.example:8443/x` without the port. */
function withoutPorts(text: string, ports: readonly number[]): string {
  return ports.length === 0
    ? text
    : text.replaceAll(new RegExp(`(//[\\w.-]+):(?:${ports.join('|')})(?!\\d)`, 'g'), '$1')
}
