import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { bindListener } from '../../src/lifecycle/listener.ts'
import { startPrimary, type Primary, type PrimaryOptions } from '../../src/lifecycle/primary.ts'
import { configure } from '../config/configure.ts'
import { probeScripted, SCRIPTED } from './family.ts'

type Ports = { http: number; https: number }

/** Two ports that nobody else has now. */
function freePorts(): Ports {
  const listeners = [bindListener('127.0.0.1', 0, 'HTTP'), bindListener('127.0.0.1', 0, 'HTTPS')]
  for (const listener of listeners) listener.close()
  return { http: listeners[0]?.port ?? 0, https: listeners[1]?.port ?? 0 }
}

function start(
  ports: Ports,
  script: string,
  signal: AbortSignal,
  options: Partial<PrimaryOptions> = {},
): Promise<Primary> {
  return startPrimary({
    config: configure({ EDGE_HTTP_PORT: String(ports.http), EDGE_HTTPS_PORT: String(ports.https) }),
    release: SCRIPTED,
    inherited: [],
    predecessor: undefined,
    succeedBy: () => ({ command: [], environment: {}, directory: '/' }),
    onReplaced: () => undefined,
    environment: { SCRIPT: script },
    directory: '/',
    user: undefined,
    signal,
    probe: probeScripted,
    findRelease: () => SCRIPTED,
    configure: () => Promise.reject(new Error('nobody reloads')),
    prepare: () => undefined,
    ...options,
  })
}

function bindBoth(t: Test, ports: Ports): void {
  for (const port of [ports.http, ports.https]) {
    t.doesNotThrow(() => bindListener('127.0.0.1', port, 'EDGE_HTTP_PORT').close(), 'the port is free')
  }
}

await t.test('a child that cannot start ends the start, with its reason and nothing left open', async (t) => {
  const ports = freePorts()
  const starting = start(ports, 'worker:fail', new AbortController().signal)
  await t.rejects(starting, { code: 'EDGE_ERR_NO_LUCK', message: 'worker-1@1 has no luck' })
  bindBoth(t, ports)
})

await t.test('a start that hangs ends when it is asked to', async (t) => {
  for (const role of ['manager', 'worker']) {
    const ports = freePorts()
    const stopping = new AbortController()
    const starting = start(ports, `${role}:hang`, stopping.signal)
    const outcome = t.rejects(starting, { message: 'SIGTERM' })
    // Once its children are there.
    await new Promise((resolve) => setImmediate(resolve))
    stopping.abort(new Error('SIGTERM'))
    await outcome
    bindBoth(t, ports)
  }
})

await t.test('a second port that cannot be had frees the first', async (t) => {
  const ports = freePorts()
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  await t.rejects(start({ ...ports, https: port }, '', new AbortController().signal), {
    code: 'EDGE_ERR_PORT_IN_USE',
    message: /EDGE_HTTPS_PORT/,
  })
  bindBoth(t, { http: ports.http, https: ports.http })
})

await t.test('stopped twice, it stops once', async (t) => {
  const ports = freePorts()
  const primary = await start(ports, '', new AbortController().signal)
  await primary.stop(60_000)
  await primary.stop(60_000)
  bindBoth(t, ports)
})

await t.test('a reload that is under way, or waits, when the edge stops is refused', async (t) => {
  const ports = freePorts()
  const reading = Promise.withResolvers<void>()
  const primary = await start(ports, '', new AbortController().signal, {
    configure() {
      reading.resolve()
      return new Promise(() => undefined)
    },
  })
  const under = primary.reload()
  const refused = t.rejects(under, { code: 'EDGE_ERR_RELOAD_REFUSED', message: 'the edge stops' })
  await reading.promise
  const waits = t.rejects(primary.reload(), { code: 'EDGE_ERR_RELOAD_REFUSED', message: 'the edge stops' })
  await Promise.all([primary.stop(60_000), refused, waits])
  bindBoth(t, ports)
})
