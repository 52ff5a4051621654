import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Agent, request } from 'undici'
import type { ChildProcess } from 'node:child_process'
import { freePort } from '../store/redis-server.ts'
import { pollUntil } from '../until.ts'

const run = promisify(execFile)

/** A test; or whoever else ends what was started. */
type Teardown = { teardown(end: () => Promise<void>): unknown }

export type PebbleOptions = {
  /** For its files. */
  readonly folder: string
  /** Where HTTP-01 is asked: every name is 127.0.0.1. */
  readonly httpPort?: number
  /** Percent of good nonces that are refused. */
  readonly refusedNonces?: number
  /** Most seconds that a validation sleeps; without it, none does. */
  readonly sleepS?: number
  readonly alwaysValid?: boolean
  /** Key ids with their HMAC keys, base64url: an account needs one of them then. */
  readonly externalAccounts?: Readonly<Record<string, string>>
  /** Of its certificates. */
  readonly lifetimeS?: number
}

export type Pebble = {
  readonly directoryUrl: string
  /** PEM file and text of the CA that signs its own HTTPS certificate, for EDGE_ACME_CA. */
  readonly caFile: string
  readonly caPem: string
  /** With the key of that certificate, a server of a test can stand in its place. */
  readonly keyPem: string
  /** PEM of the root that its certificates go back to. */
  readonly rootPem: string
  /** What it wrote so far, a line a request. */
  log(): string
  /** Its DNS, and where that is told what to say (`/set-txt`, `/clear-txt`). */
  readonly dns: { readonly url: string; readonly server: string }
  /** The certificate's state at the CA: `Valid` or `Revoked`, and the reason. */
  statusOf(serial: string): Promise<{ readonly Status: string; readonly Reason?: number }>
  stop(): Promise<void>
}

/** Debian's pebble and its DNS, each on free ports of 127.0.0.1; they end with the test. */
export async function startPebble(t: Teardown, options: PebbleOptions): Promise<Pebble> {
  const { folder, httpPort = await freePort() } = options
  const [acmePort, managementPort, dnsPort, dnsManagementPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const certificate = await makeServerCertificate(folder)
  const dnsListens = ['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagementPort}`]
  const dnsAnswers = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv4', '127.0.0.1', '-defaultIPv6', '']
  const dns = start(t, 'pebble-challtestsrv', [...dnsListens, ...dnsAnswers])
  const configFile = join(folder, 'pebble.json')
  const config = {
    listenAddress: `127.0.0.1:${acmePort}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: certificate.file,
    privateKey: certificate.keyFile,
    httpPort,
    tlsPort: httpPort,
    ocspResponderURL: '',
    certificateValidityPeriod: options.lifetimeS ?? 90 * 24 * 3600,
    externalAccountBindingRequired: options.externalAccounts !== undefined,
    externalAccountMACKeys: options.externalAccounts ?? {},
  }
  await writeFile(configFile, JSON.stringify({ pebble: config }))
  const args = ['-config', configFile, '-dnsserver', `127.0.0.1:${dnsPort}`]
  const pebble = start(t, 'pebble', args, environmentOf(options))
  await Promise.all([acmePort, managementPort, dnsManagementPort].map(listening))

  const agent = new Agent({ connect: { ca: certificate.pem } })
  t.teardown(() => agent.close())
  const management = async (path: string): Promise<string> =>
    (await request(`https://127.0.0.1:${managementPort}${path}`, { dispatcher: agent })).body.text()
  return {
    directoryUrl: `https://127.0.0.1:${acmePort}/dir`,
    caFile: certificate.file,
    caPem: certificate.pem,
    keyPem: certificate.keyPem,
    rootPem: await management('/roots/0'),
    log: pebble.log,
    dns: { url: `http://127.0.0.1:${dnsManagementPort}`, server: `127.0.0.1:${dnsPort}` },
    statusOf: async (serial) =>
      JSON.parse(await management(`/cert-status-by-serial/${serial}`)) as { Status: string; Reason?: number },
    async stop() {
      await Promise.all([pebble.stop(), dns.stop()])
    },
  }
}

function environmentOf({ sleepS, refusedNonces = 0, alwaysValid = false }: PebbleOptions): Record<string, string> {
  return {
    ...(sleepS === undefined ? { PEBBLE_VA_NOSLEEP: '1' } : { PEBBLE_VA_SLEEPTIME: String(sleepS) }),
    ...(alwaysValid && { PEBBLE_VA_ALWAYS_VALID: '1' }),
    PEBBLE_WFE_NONCEREJECT: String(refusedNonces),
    // Every order is validated: what a test counts does not depend on chance.
    PEBBLE_AUTHZREUSE: '0',
  }
}

type Service = { log(): string; stop(): Promise<void> }

function start(t: Teardown, program: string, args: string[], environment: Record<string, string> = {}): Service {
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let log = ''
  for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk: Buffer) => (log += chunk.toString()))
  child.on('error', (error) => (log += `${program}: ${error.message}; it is in Debian's package pebble\n`))
  const ended = once(child, 'close').catch(() => undefined)
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await ended
  }
  t.teardown(stop)
  return { log: () => log, stop }
}

async function listening(port: number): Promise<void> {
  await pollUntil(async () => {
    const socket = connect(port, '127.0.0.1')
    return new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    }).finally(() => socket.destroy())
  })
}

async function makeServerCertificate(
  folder: string,
): Promise<{ file: string; keyFile: string; pem: string; keyPem: string }> {
  await mkdir(folder, { recursive: true })
  const [file, keyFile] = [join(folder, 'pebble.pem'), join(folder, 'pebble-key.pem')]
  const subject = ['-subj', '/CN=pebble', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile]
  await run('openssl', ['req', '-x509', ...key, '-out', file, '-days', '30', ...subject])
  return { file, keyFile, pem: await readFile(file, 'utf8'), keyPem: await readFile(keyFile, 'utf8') }
}
