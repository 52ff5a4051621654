import t from 'tap'
import { purge } from '../../src/commands/purge.ts'
import { startEdge, temporaryDirectory } from '../integration/edge.ts'
import { freePort } from '../store/redis-server.ts'
import { call } from './call.ts'
import { runEdge } from './run-edge.ts'

const edge = await startEdge(t, {
  args: ['dev'],
  directory: temporaryDirectory(t),
  environment: { BLOT_PURGE_TOKEN: 'flush', EDGE_WORKERS: '2', BLOT_BLOGS_DIRECTORY: t.testdir({ garden: {} }) },
})
const environment = { EDGE_ADMIN: `127.0.0.1:${edge.admin}`, BLOT_PURGE_TOKEN: 'flush' }

await t.test('it purges what it is told to, with the token of purges alone', async (t) => {
  const { code, stdout } = await call(
    purge,
    { host: ['garden.blot.localhost', 'B.test'], url: ['https://garden.blot.localhost/notes/1'], soft: true },
    environment,
  )
  t.equal(code, 0)
  t.match(
    stdout,
    /^ {2}purged +entries\n {2}host garden\.blot\.localhost +\d+\n {2}host b\.test +0\n {2}url \/\/garden\.blot\.localhost\/notes\/1 +\d+\n$/,
  )
  const json = await call(purge, { tag: ['blog:1'], json: true }, environment)
  t.same(JSON.parse(json.stdout), { entries: 0, pending: false, names: { 'tag blog:1': 0 } })
})

await t.test('everything only for somebody who means it', async (t) => {
  await t.rejects(call(purge, { all: true }, environment), {
    code: 'EDGE_ERR_USAGE_INVALID',
    message: /--all wants --yes/,
  })
  t.match((await call(purge, { all: true, yes: true }, environment)).stdout, /everything +\d+\n$/)
  const { code, stderr } = await runEdge(['purge', '--all', '--environment', '/dev/null'], { environment })
  t.equal(code, 2)
  t.match(stderr, /nothing was purged/)
})

await t.test('what is wrong is said', async (t) => {
  const usage = { code: 'EDGE_ERR_USAGE_INVALID' }
  await t.rejects(call(purge, {}, environment), { ...usage, message: /say what: --host/ })
  await t.rejects(call(purge, { all: true, host: ['a.test'] }, environment), usage)
  await t.rejects(call(purge, { url: ['/path'] }, environment), {
    message: /"\/path" is not a URL: .*EDGE_ERR_PURGE_INVALID/,
  })
  await t.rejects(call(purge, { tag: ['x'] }, { ...environment, BLOT_PURGE_TOKEN: 'wrong' }), /token/)
  const EDGE_ADMIN = `127.0.0.1:${await freePort()}`
  await t.rejects(call(purge, { tag: ['x'] }, { EDGE_ADMIN }), { code: 'EDGE_ERR_ADMIN_UNAVAILABLE' })
})

await t.test('the plain listener takes the call of Blot, and nothing else', async (t) => {
  const plain = (path: string, host = '127.0.0.1') =>
    fetch(`http://127.0.0.1:${edge.http}${path}`, { headers: { host, 'x-blot-purge-token': 'flush' } })
  const answer = await plain('/purge?host=garden.blot.localhost&host=other.test')
  t.equal(answer.status, 200)
  t.match(await answer.text(), /^garden\.blot\.localhost: \d+\nother\.test: 0\n$/)
  t.equal(await (await plain('/purge?tag=blog:1')).text(), 'tag blog:1: 0\n')
  t.equal((await plain('/purge?url=x')).status, 400)
})
