import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { AnswerParser } from '../../../src/upstream/wire/answer-parser.ts'
import { BAD, GOOD, type Fixture } from './answers.ts'

/** An answer as its reader understood it. */
type Read = {
  informations: { status: number; headers: string[] }[]
  status: number
  reasonPhrase: string
  headers: string[]
  body: string
  trailers: string[]
  /** How many bytes behind it are no part of it. */
  surplus: number
  /** It was refused, or did not come to its end. */
  failed: boolean
}

/** What the parser makes of a fixture that comes in these pieces. */
function read({ bytes, method = 'GET', upgrading = false, ends = false }: Fixture, pieces: number[]): Read {
  const got = nothing()
  const body: string[] = []
  const parser = new AnswerParser({
    onInformation: ({ status, headers }) => got.informations.push({ status, headers }),
    onHead: (head) => Object.assign(got, head),
    onBody: (part) => body.push(part.toString('latin1')),
  })
  parser.begin(method, upgrading)
  const all = Buffer.from(bytes, 'latin1')
  let taken = 0
  try {
    for (let i = 0, at = 0; i <= pieces.length && at < all.length; i++) {
      const end = pieces[i] ?? all.length
      taken += parser.feed(all.subarray(at, end))
      at = end
    }
    if (ends && !parser.isComplete) parser.finish()
    got.failed = !parser.isComplete
  } catch {
    got.failed = true
  }
  return { ...got, body: body.join(''), trailers: parser.trailers, surplus: got.failed ? 0 : all.length - taken }
}

function nothing(): Read {
  return {
    informations: [],
    status: 0,
    reasonPhrase: '',
    headers: [],
    body: '',
    trailers: [],
    surplus: 0,
    failed: false,
  }
}

/** What a fixture is, whole; and the same however it is cut. Long ones are cut in fewer places. */
function readCut(t: Test, fixture: Fixture): Read {
  const { length } = fixture.bytes
  const whole = read(fixture, [])
  const step = Math.ceil(length / 500)
  const every = Array.from({ length }, (_, i) => i + 1)
  const cuts = [every, ...every.filter((at) => at % step === 0).map((at) => [at])]
  for (const pieces of cuts) {
    const cut = read(fixture, pieces)
    const same = whole.failed ? cut.failed : JSON.stringify(cut) === JSON.stringify(whole)
    if (!same) t.same(cut, whole, `cut at ${pieces.join().slice(0, 20)}`)
  }
  return whole
}

for (const fixture of GOOD) {
  await t.test(`accepted: ${fixture.name}`, async (t) => {
    const got = readCut(t, fixture)
    t.notOk(got.failed)
    t.equal(got.body, fixture.body ?? '')
    t.same(got.trailers, fixture.trailers ?? [])
    t.equal(got.surplus, fixture.surplus ?? 0)
  })
}

for (const fixture of BAD) {
  await t.test(`refused: ${fixture.name}`, async (t) => {
    t.ok(readCut(t, fixture).failed)
  })
}

await t.test('what comes behind an answer is no part of it', async (t) => {
  for (const fixture of GOOD.filter(({ ends, upgrading }) => ends !== true && upgrading !== true)) {
    const smuggled = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
    const got = readCut(t, { ...fixture, bytes: fixture.bytes + smuggled })
    t.same([got.body, got.surplus], [fixture.body ?? '', smuggled.length], fixture.name)
  }
})

await t.test("what is accepted here, Node's parser reads in the same way", async (t) => {
  let bytes = ''
  let ends = false
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => (ends ? socket.end(bytes, 'latin1') : socket.write(bytes, 'latin1')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  for (const fixture of [...GOOD, ...BAD]) {
    const ours = read(fixture, [])
    if (ours.failed) continue
    bytes = fixture.bytes
    ends = fixture.ends ?? false
    t.same(await askNode(port, fixture), { ...ours, surplus: 0 }, fixture.name)
  }
})

/** What Node's own client makes of the answer. */
async function askNode(port: number, { method = 'GET', upgrading = false }: Fixture): Promise<Read> {
  const informations: Read['informations'] = []
  const headers = upgrading ? { Connection: 'Upgrade', Upgrade: 'chat' } : {}
  const agent = new http.Agent({ keepAlive: true })
  // As long as ours may be.
  const maxHeaderSize = 128 * 1024
  const request = http.request({ port, host: '127.0.0.1', method, headers, agent, maxHeaderSize })
  // Beyond its default of 2,000 lines it would leave out the rest.
  request.maxHeadersCount = 0
  request.on('continue', () => informations.push({ status: 100, headers: [] }))
  request.on('information', ({ statusCode, rawHeaders }) => {
    if (statusCode !== 100) informations.push({ status: statusCode, headers: rawHeaders })
  })
  request.end()
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve)
    request.once('upgrade', resolve)
    request.once('error', reject)
  })
  const chunks = answer.statusCode === 101 ? [] : ((await answer.toArray()) as Buffer[])
  request.socket?.destroy()
  return {
    informations,
    status: answer.statusCode ?? 0,
    reasonPhrase: answer.statusMessage ?? '',
    headers: answer.rawHeaders,
    body: Buffer.concat(chunks).toString('latin1'),
    trailers: answer.rawTrailers,
    surplus: 0,
    failed: false,
  }
}
