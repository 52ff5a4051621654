import t from 'tap'
import { testBackups } from './machine/backups.ts'
import { bootMachine, whyNoMachine } from './machine/boot.ts'
import { testDeploys } from './machine/deploys.ts'
import { testDryRuns } from './machine/dry-runs.ts'
import { testMonit } from './machine/monit.ts'
import { testServices } from './machine/services.ts'
import { testSetup } from './machine/setup.ts'

/**
 * One throw-away machine with a systemd, a Redis and a Monit of its own, from its set-up to the move of its Redis. Each part
 * leaves it prepared, and the services running.
 */

const skip = whyNoMachine()
if (skip !== false) {
  t.pass(`needs a machine of its own: ${skip}`, { skip })
  process.exit()
}

const machine = await bootMachine(t)
await t.test('set-up', (t) => testSetup(t, machine))
await t.test('services', (t) => testServices(t, machine))
await t.test('deploys', (t) => testDeploys(t, machine))
await t.test('backups', (t) => testBackups(t, machine))
await t.test('dry runs', (t) => testDryRuns(t, machine))
await t.test('Monit', (t) => testMonit(t, machine))
