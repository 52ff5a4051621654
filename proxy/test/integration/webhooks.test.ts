import t from 'tap'
import { webhooks } from '../../src/commands/webhooks.ts'
import { call } from '../commands/call.ts'
import { startApp, status } from '../webhooks/app.ts'
import { ask } from './client.ts'
import { productionEnvironment, startEdge, temporaryDirectory } from './edge.ts'

const PATH = '/clients/dropbox/webhook'

await t.test('what an edge has acknowledged, it delivers after a crash of everything', async (t) => {
  const app = await startApp(t)
  const directory = temporaryDirectory(t)
  const environment = {
    ...productionEnvironment(directory),
    BLOT_HOST: 'blot.localhost',
    EDGE_UPSTREAMS: `http://127.0.0.1:${app.port}`,
  }
  await app.away()
  const first = await startEdge(t, { args: ['run'], directory, environment, detached: true })
  const post = (edge: typeof first, body: string) =>
    ask({ port: edge.https, host: 'blot.localhost', path: PATH, method: 'POST', body })
  for (const body of ['one', 'two', 'poison', 'three']) t.match(await post(first, body), { status: 200 }, body)
  process.kill(-(first.process.pid ?? 0), 'SIGKILL')

  const second = await startEdge(t, { args: ['run'], directory, environment })
  const cli = async (words: string[], values = {}) =>
    (await call(webhooks, values, { EDGE_ADMIN: `127.0.0.1:${second.admin}` }, words)).stdout
  t.match(
    await cli(['list']),
    /^ {2}id +state +path +bytes +accepted +tries +last error\n( {2}[0-9a-f]{32} +waiting .*\n){4}$/,
  )
  const ids = (await cli(['list'], { json: true }))
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: string }).id)
  t.match(await cli(['drop', ids[2] ?? '']), /: dropped/)
  app.reply = status(204)
  await app.back()
  await second.logged(({ msg, webhook }) => msg === 'webhook delivered' && webhook === ids[3])
  t.same(
    app.received.map(({ body }) => body.toString()),
    ['one', 'two', 'three'],
  )
  t.same(
    app.received.map(({ id }) => id),
    [ids[0], ids[1], ids[3]],
  )
  t.equal(await cli(['list']), 'No webhooks.\n')
  await t.rejects(cli(['retry', 'unknown']), { message: /there is no webhook.*EDGE_ERR_WEBHOOK_UNKNOWN/ })
  t.notMatch(JSON.stringify([...first.log, ...second.log]), /"(one|two|poison|three)"/)
})
