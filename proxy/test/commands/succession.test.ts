import t from 'tap'
import { commandOfSuccessor } from '../../src/commands/succession.ts'

const release = {
  root: '/releases/2',
  version: '2.0.0',
  node: '/releases/2/node',
  argv: ['/releases/2/proxy/src/main.ts'],
}
const context = { launchedAs: '/current/bin/blot-edge', environment: {}, directory: '/etc/blot', values: {} }

await t.test('another primary is started as this one was, and its launcher finds the Node.js', async (t) => {
  t.strictSame(commandOfSuccessor({ ...context, values: { environment: '/etc/blot/x.sh' } }, release), {
    command: ['/current/bin/blot-edge', 'run', '--environment=/etc/blot/x.sh'],
    environment: {},
    directory: '/etc/blot',
  })
  t.strictSame(commandOfSuccessor({ ...context, launchedAs: '/current/proxy/src/main.ts' }, release).command, [
    '/releases/2/node',
    '/current/proxy/src/main.ts',
    'run',
  ])
})

await t.test('under Upstart none is, which says what to do', async (t) => {
  t.throws(() => commandOfSuccessor({ ...context, environment: { UPSTART_JOB: 'edge' } }, release), {
    code: 'EDGE_ERR_RELOAD_REFUSED',
    message: /Upstart.*restart the job/,
  })
})
