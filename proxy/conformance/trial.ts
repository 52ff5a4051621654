import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs'
import https from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from '../test/certificates/factory.ts'
import { startOrigin } from '../test/upstream/origin.ts'
import { DEADLINE_MS, type Duty, type Fault } from './duty.ts'
import { startEdge } from './proxies/edge.ts'
import { startPeer } from './proxies/peers.ts'
import type { Proxy, ProxyName, ProxyOptions } from './proxies/proxy.ts'
import { createSwitchboard, HOST, setStage, type Switchboard } from './stage.ts'

/** How each proxy did each duty. */
export type Results = ReadonlyMap<Duty, ReadonlyMap<ProxyName, Fault>>

/** Duties under way at one proxy. */
const AT_ONCE = 8

/** Plays every duty on every proxy, all in front of one app. */
export async function runTrial(duties: readonly Duty[], names: readonly ProxyName[]): Promise<Results> {
  await using running = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'conformance-'))
  chmodSync(directory, 0o755)
  running.defer(() => rmSync(directory, { recursive: true, force: true }))
  const switchboard = createSwitchboard()
  const origin = await startOrigin(
    { teardown: (end) => running.defer(async () => void (await end())) },
    switchboard.handle,
  )
  const { chainPem, privateKeyPem } = await makeCertificate(HOST)
  const certificate = join(directory, 'certificate.pem')
  writeFileSync(certificate, chainPem + privateKeyPem, { mode: 0o600 })
  const secureApp = await startSecureApp(running, chainPem, privateKeyPem)

  const options = { app: origin.port, secureApp, certificate }
  const starting = names.map((name) => start(name, { ...options, directory: join(directory, name) }))
  // All of them come up or fail before anything else, so that each one that runs is ended.
  for (const started of await Promise.allSettled(starting)) {
    if (started.status === 'fulfilled') running.defer(() => started.value.stop())
  }
  const proxies = await Promise.all(starting)
  const results = new Map(duties.map((duty) => [duty, new Map<ProxyName, Fault>()]))
  const playAll = (selected: readonly Duty[]): Promise<unknown> =>
    Promise.all(proxies.map((proxy) => playOn(proxy, selected, switchboard, results)))
  await playAll(duties.filter(({ withoutApp }) => withoutApp === undefined))
  await origin.close()
  await playAll(duties.filter(({ withoutApp }) => withoutApp === true))
  return results
}

function start(name: ProxyName, options: ProxyOptions): Promise<Proxy> {
  return name === 'edge' ? startEdge(options) : startPeer(name, options)
}

/** An app whose certificate no proxy has a reason to trust. */
async function startSecureApp(running: AsyncDisposableStack, cert: string, key: string): Promise<number> {
  const server = https.createServer({ cert, key }, (_, response) => response.end('ok'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  running.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Plays duties on one proxy, a few at once, those that take longest first. */
async function playOn(
  proxy: Proxy,
  duties: readonly Duty[],
  switchboard: Switchboard,
  results: Map<Duty, Map<ProxyName, Fault>>,
): Promise<void> {
  const waiting = duties.toSorted((left, right) => (right.deadlineMs ?? 0) - (left.deadlineMs ?? 0))
  async function playNext(): Promise<void> {
    for (let duty = waiting.shift(); duty !== undefined; duty = waiting.shift()) {
      results.get(duty)?.set(proxy.name, await play(duty, proxy, switchboard))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, playNext))
}

async function play(duty: Duty, proxy: Proxy, switchboard: Switchboard): Promise<Fault> {
  const { deadlineMs = DEADLINE_MS } = duty
  const { stage, leave } = setStage(proxy, switchboard)
  const deadline = Promise.withResolvers<Fault>()
  const timer = setTimeout(() => deadline.resolve(`not done after ${deadlineMs / 1000} s`), deadlineMs)
  try {
    return await Promise.race([duty.run(stage), deadline.promise])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    clearTimeout(timer)
    leave()
  }
}
