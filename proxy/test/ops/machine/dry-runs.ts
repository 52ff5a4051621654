import type { Test } from 'tap'
import type { Machine } from './boot.ts'

/** Each script that changes the machine, with what it would do here. */
const SCRIPTS: readonly (readonly [name: string, args: string])[] = [
  ['setup/debian.sh', ''],
  ['environment/swap', '--size 1M --file /srv/swap'],
  ['environment/app-environment', '9999'],
  ['monit/alert', 'text'],
  ['deploy/release', '--name never /srv/next.tar'],
  ['deploy/deploy', 'next'],
  ['deploy/reboot', 'edge'],
  ['deploy/reboot', 'app'],
  ['backup/backup', '--to /srv/copies'],
  ['backup/restore', '$(ls -d /var/backups/blot/*Z | head -n 1)'],
  ['redis-move/redis-move', '/srv/redis'],
]

/** What every script of ops owes whoever tries it. */
export async function testDryRuns(t: Test, machine: Machine): Promise<void> {
  const script = (name: string): string => `/opt/blot-edge/current/ops/${name}`
  // Names, sizes, owners, modes and times of what scripts write, and what runs.
  const state = `find /etc /opt/blot-edge /run/blot /srv /usr/local/bin /var/lib/blot-setup /var/www /cache -xdev \\
      -name node_modules -prune -o -not -name '*.lock' -printf '%p %s %u %m %T@\n' | sort
    systemctl list-units --plain --no-legend 'blot-*' 'redis-*' 'monit*'
    systemctl show --property=MainPID blot-edge blot-app@8080 redis-server monit
    monit -B status | grep 'monitoring status'`

  await t.test('a dry run says what would be done, and changes nothing', async (t) => {
    const before = await machine.do(state)
    for (const [name, args] of SCRIPTS) {
      t.match(await machine.run(`${script(name)} --dry-run ${args}`), { code: 0, stderr: '' }, `${name} ${args}`)
    }
    t.equal(await machine.do(state), before)
  })

  await t.test('whoever is not root is told so', async (t) => {
    const asNobody = (name: string, args: string): string =>
      `cd /; setpriv --reuid=nobody --regid=nogroup --clear-groups ${script(name)} ${args}`
    for (const [name, args] of SCRIPTS) {
      // It tells people, which needs nobody's permission.
      if (name === 'monit/alert') continue
      t.match(await machine.run(asNobody(name, args)), { code: 1, stderr: /has to be run as root/ }, name)
    }
  })
}
