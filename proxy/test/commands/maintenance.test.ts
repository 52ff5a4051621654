import { join } from 'node:path'
import t from 'tap'
import { maintenance } from '../../src/commands/maintenance.ts'
import { temporaryDirectory } from '../integration/edge.ts'
import { freePort } from '../store/redis-server.ts'
import { call } from './call.ts'
import { runEdge } from './run-edge.ts'

await t.test('where no edge runs, the switch is turned for the next one', async (t) => {
  const folder = temporaryDirectory(t)
  const environment = {
    BLOT_HOST: 'blot.example',
    EDGE_DATA_DIRECTORY: join(folder, 'edge'),
    EDGE_STORE: `file:${join(folder, 'edge/store')}`,
    EDGE_ISSUER: 'local',
    EDGE_USER: 'nobody',
    EDGE_PID_FILE: join(folder, 'edge.pid'),
    EDGE_ADMIN: `127.0.0.1:${await freePort()}`,
  }
  // A process of its own each: it becomes the edge's user for good.
  const run = (...words: string[]) => runEdge(['maintenance', ...words, '--environment', '/dev/null'], { environment })
  const on = await run('on', '--retry-after', '600', '--message', 'Moving house.')
  t.match(
    on.stdout,
    /^Maintenance is on\.\n {2}by +switch\n {2}since +\d{4}-.*\n {2}retry after +600 s\n {2}message +Moving house\.\n$/,
  )
  t.match(JSON.parse((await run('status', '--json')).stdout), { on: true, by: ['switch'], retryAfter: 600 })
  t.equal((await run('off')).stdout, 'Maintenance is off.\n')
})

await t.test('wrong usage', async (t) => {
  const wrong: readonly [words: string[], values: Record<string, string>, message: RegExp][] = [
    [[], {}, /say which: on, off, status/],
    [['onn'], {}, /did you mean on\?/],
    [['on', 'now'], {}, /no further word/],
    [['off'], { message: 'x' }, /--message goes with maintenance on/],
    [['on'], { 'retry-after': 'soon' }, /--retry-after is a number of seconds/],
    [['on'], { message: '' }, /--message is one line/],
  ]
  for (const [words, values, message] of wrong) {
    await t.rejects(call(maintenance, values, {}, words), { code: 'EDGE_ERR_USAGE_INVALID', message })
  }
})
