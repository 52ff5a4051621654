import { mock } from 'node:test'
import t from 'tap'
import { edgeChannel, type HandshakeEvent, type RequestEvent } from '../src/events.ts'
import { createLog, logEvents } from '../src/log.ts'

type Teardown = { teardown(end: () => void): unknown }

const REQUEST: RequestEvent = {
  method: 'GET',
  scheme: 'https',
  host: 'garden.blot.localhost',
  target: '/',
  version: '2.0',
  status: 200,
  bytes: 12_345,
  durationMs: 4.00049,
  cache: 'HIT',
  upstream: undefined,
  requestId: '0123456789abcdef0123456789abcdef',
  address: '203.0.113.9',
  reason: undefined,
  aborted: false,
  userAgent: 'curl/8.0',
  referrer: undefined,
}

const REFUSED: HandshakeEvent = {
  name: 'scanner.example',
  outcome: 'refused',
  resumed: false,
  durationMs: 1,
  address: '203.0.113.9',
  reason: 'not permitted',
}

const requests = edgeChannel('request')
const handshakes = edgeChannel('handshake')
const faults = edgeChannel('fault')

/** A log of this process's channels whose text is kept. */
function start(t: Teardown, format: 'json' | 'pretty', colours = false) {
  const written: string[] = []
  const destination = { write: (line: string) => written.push(line), hasColors: () => colours }
  const log = createLog({ format, destination })
  const stop = logEvents(log)
  t.teardown(stop)
  return {
    log,
    stop,
    text: () => written.join(''),
    lines: (): Record<string, unknown>[] => written.map((line) => JSON.parse(line)),
  }
}

await t.test('one JSON line a request, with the agreed fields and none that is empty', async (t) => {
  const { lines } = start(t, 'json')
  requests.publish(REQUEST)
  const [{ time, ...line } = {}, ...others] = lines()
  t.same(others, [])
  t.ok(Math.abs(Number(time) - Date.now()) < 60_000, 'the time is ms since the epoch')
  t.same(line, {
    level: 'info',
    pid: process.pid,
    area: 'access',
    msg: 'request',
    method: 'GET',
    host: 'garden.blot.localhost',
    target: '/',
    status: 200,
    bytes: 12_345,
    duration: 4,
    cache: 'HIT',
    requestId: '0123456789abcdef0123456789abcdef',
    scheme: 'https',
    version: '2.0',
    address: '203.0.113.9',
    userAgent: 'curl/8.0',
  })
})

await t.test('a failed request says why, where it was and that the visitor left', async (t) => {
  const { lines } = start(t, 'json')
  const failure = { status: 502, upstream: '127.0.0.1:8080', reason: 'ECONNREFUSED', aborted: true }
  requests.publish({ ...REQUEST, ...failure })
  t.match(lines()[0], failure)
})

await t.test('nobody can write lines, colours or reordered text into the log', async (t) => {
  const evil = '/a"\\\n{"level":"error"}\r\u001b[31m\u007f\u009b31m\u2028\u202e\ud800'
  const { lines, text } = start(t, 'json')
  requests.publish({ ...REQUEST, target: evil, userAgent: evil, referrer: evil, reason: evil })
  t.equal(text().split('\n').length, 2, 'one line')
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  t.notMatch(text().trimEnd(), /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
  t.equal(lines()[0]?.['userAgent'], evil, 'it can still be read as it was')

  const pretty = start(t, 'pretty')
  requests.publish({ ...REQUEST, target: evil, reason: evil })
  t.equal(pretty.text().split('\n').length, 2, 'one line')
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  t.notMatch(pretty.text().trimEnd(), /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
  t.match(pretty.text(), '\\u001b[31m', 'it is spelled out')
})

await t.test('a fault that quotes a stranger cannot drive the terminal', async (t) => {
  const { text } = start(t, 'pretty')
  const evil = 'bad \u001b]0;x\u0007 \r name'
  faults.publish({ area: 'vault', message: 'certificate unreadable', error: new Error(evil), name: evil })
  // oxlint-disable-next-line no-control-regex -- these are what must not be there
  t.notMatch(text(), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
  t.match(text(), 'certificate unreadable')
})

await t.test('secrets in a query are not written', async (t) => {
  const { lines } = start(t, 'json')
  requests.publish({ ...REQUEST, target: '/log-in?token=abc&page=2&API_KEY=d%20e', referrer: 'https://a/?code=xyz' })
  t.match(lines()[0], {
    target: '/log-in?token=[secret]&page=2&API_KEY=[secret]',
    referrer: 'https://a/?code=[secret]',
  })
})

await t.test('secrets in fields are not written', async (t) => {
  const { log, text } = start(t, 'json')
  const headers = { authorization: 'hidden', cookie: 'hidden', 'x-blot-purge-token': 'hidden', accept: 'seen' }
  log
    .child({ area: 'test' })
    .info({ adminToken: 'hidden', stored: { privateKeyPem: 'hidden' }, request: { headers } }, 'x')
  t.notMatch(text(), 'hidden')
  t.match(text(), 'seen')
})

await t.test('certificates, purges and faults', async (t) => {
  const { lines } = start(t, 'json')
  const certificate = { name: 'a.example', issuer: 'local', durationMs: 12, reason: undefined }
  const certificates = edgeChannel('certificate')
  certificates.publish({ ...certificate, phase: 'obtaining' })
  certificates.publish({ ...certificate, phase: 'obtained' })
  certificates.publish({ ...certificate, phase: 'failed', reason: 'no permission' })
  edgeChannel('purge').publish({ names: Array.from({ length: 500 }, String), entries: 9, durationMs: 1 })
  faults.publish({ area: 'store', message: 'store away', error: new Error('gone', { cause: new Error('deeper') }) })
  const [obtaining, obtained, failed, purge, fault] = lines()
  t.match(obtaining, { level: 'info', area: 'certificate', msg: 'certificate obtaining', name: 'a.example' })
  t.match(obtained, { msg: 'certificate obtained', issuer: 'local', duration: 12 })
  t.match(failed, { level: 'warn', msg: 'certificate failed', reason: 'no permission' })
  t.match(purge, { msg: 'purge applied', nameCount: 500, entries: 9 })
  t.match(purge?.['names'], { length: 20 }, 'a purge of many hosts is one short line')
  t.match(fault, { level: 'error', area: 'store', msg: 'store away', err: { message: /gone.*deeper/ } })
})

await t.test('refused handshakes are limited and counted; others are not lines', async (t) => {
  const { lines, stop } = start(t, 'json')
  for (let i = 0; i < 100; i += 1) handshakes.publish(REFUSED)
  handshakes.publish({ ...REFUSED, outcome: 'memory' })
  t.equal(lines().length, 10)
  t.match(lines()[0], { msg: 'handshake refused', name: 'scanner.example', reason: 'not permitted' })
  stop()
  t.match(lines()[10], { msg: 'handshakes refused, not shown', suppressed: 90 })
  handshakes.publish(REFUSED)
  t.equal(lines().length, 11, 'after the end nothing is written')
})

await t.test('a flood that stops is reported a second later, and the next second has room again', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { lines } = start(t, 'json')
  for (let i = 0; i < 11; i += 1) handshakes.publish(REFUSED)
  mock.timers.tick(1000)
  t.match(lines()[10], { suppressed: 1 })
  handshakes.publish(REFUSED)
  t.match(lines()[11], { msg: 'handshake refused' })
})

await t.test('one kind of fault in a flood does not hide another', async (t) => {
  const { lines } = start(t, 'json')
  for (let i = 0; i < 50; i += 1) faults.publish({ area: 'store', message: 'store away', error: new Error('x') })
  faults.publish({ area: 'vault', message: 'certificate unreadable', error: new Error('x') })
  t.equal(lines().length, 11)
  t.match(lines()[10], { area: 'vault' })
})

await t.test('pretty lines are for people', async (t) => {
  const plain = start(t, 'pretty')
  requests.publish(REQUEST)
  t.match(plain.text(), /^\[\d\d:\d\d:\d\d\] 200 GET https:\/\/garden\.blot\.localhost\/ 12\.3 kB 4 ms HIT\n$/)
  plain.stop()

  const coloured = start(t, 'pretty', true)
  requests.publish({
    ...REQUEST,
    status: 502,
    bytes: 0,
    durationMs: 1250,
    cache: undefined,
    upstream: '127.0.0.1:8080',
  })
  t.match(coloured.text(), '\u001b[31m502\u001b[39m')
  t.match(coloured.text(), '0 B')
  t.match(coloured.text(), '1.25 s')
  t.match(coloured.text(), '127.0.0.1:8080')
})
