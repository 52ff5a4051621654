import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { processesOf } from '../../bench/servers/edge-processes.ts'
import { post } from '../../bench/servers/reloadable.ts'
import { startApp } from '../webhooks/app.ts'
import { ask, type Answer } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'
import { until } from '../until.ts'

/** The clock of a running edge is set, forward and back, by libfaketime; the one that nobody sets goes on. */

const HOST = 'blot.example'
const SITE = `garden.${HOST}`
const HOOK = '/clients/dropbox/webhook'
/** With a query, it is the edge's to store. */
const STORED = '/page?v=1'
const LIBRARY = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`

const directory = temporaryDirectory(t)
const clock = join(directory, 'clock')
setClock('+0')
const app = await startApp(t)
let questions = 0
app.reply = ({ target, body }, response) => {
  if (target !== HOOK) questions++
  // The app has the clock of its machine, which is not that of this test.
  response.sendDate = false
  response.setHeader('cache-control', target === STORED ? 'max-age=3600' : 'no-store')
  response.end(`${target} ${body.length}`)
}
const edge = await startEdge(t, {
  args: ['run'],
  directory,
  environment: {
    ...productionEnvironment(directory),
    BLOT_HOST: HOST,
    EDGE_UPSTREAMS: `http://127.0.0.1:${app.port}`,
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: clock,
    FAKETIME_NO_CACHE: '1',
    DONT_FAKE_MONOTONIC: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  },
})

/** @param offset as libfaketime has it: `+40d`. */
function setClock(offset: string): void {
  writeFileSync(`${clock}.next`, `${offset}\n`)
  renameSync(`${clock}.next`, clock)
}

function visit(path: string, host = SITE): Promise<Answer> {
  return ask({ port: edge.https, host, authority: host, path })
}

/** One that no stored answer may answer. */
async function isAsked(path: string): Promise<boolean> {
  const before = questions
  await visit(path)
  return questions > before
}

let number = 0

/** All that an edge does for visitors, app and operator. */
async function doAll(t: Test): Promise<void> {
  number++
  t.match(await visit('/live'), { status: 200 })
  t.match(await visit('/live', `new-${number}.example`), { status: 200, certificate: `DNS:new-${number}.example` })
  await post(edge, '/purge', { hosts: [SITE] })
  t.ok(await isAsked(STORED), 'what was purged is asked for')
  t.notOk(await isAsked(STORED), 'and stored')
  await app.away()
  const kept = await ask({ port: edge.https, host: HOST, path: HOOK, method: 'POST', body: `webhook ${number}` })
  t.match(kept, { status: 200, text: /kept/ })
  await app.back()
  await until('it is delivered', () => app.received.some(({ body }) => body.toString() === `webhook ${number}`))
}

await t.test('whatever the clock says, all goes on', async (t) => {
  await doAll(t)
  const before = (await processesOf(edge)).map(({ pid }) => pid)
  for (const [offset, says] of [
    ['+3d', 'nothing stored is fresh any more'],
    ['-3d', 'nothing is fresh that was stored in the future'],
    ['+0', 'as it was'],
  ] as const) {
    setClock(offset)
    await until('the edge sees it', async () => Math.abs(await skewMs(offset)) < 3_600_000)
    t.ok(await isAsked(STORED), says)
    await doAll(t)
  }
  t.same(
    (await processesOf(edge)).map(({ pid }) => pid),
    before,
    'no process had to end',
  )
  t.same(
    edge.log.filter(({ level }) => level === 'error'),
    [],
  )
})

/** How far what the access log says is from what it should say. */
async function skewMs(offset: string): Promise<number> {
  const path = `/live?${process.hrtime.bigint()}`
  await visit(path)
  const { time } = await edge.logged(({ target }) => target === path)
  return Number(time) - Date.now() - Number(/-?\d+/.exec(offset)?.[0]) * 86_400_000
}
