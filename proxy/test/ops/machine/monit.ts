import type { Test } from 'tap'
import { release, type Machine } from './boot.ts'
import { mainPid } from './site.ts'

/** Monit, which watches services that run. */
export async function testMonit(t: Test, machine: Machine): Promise<void> {
  // As it is, but in seconds instead of minutes.
  await machine.do(`sed -i 's/set daemon 20/set daemon 1/; s/timeout 10 seconds/timeout 3 seconds/' /etc/monit/conf.d/*
    mkdir -p /etc/blot/alert.d
    printf '#!/bin/sh\\necho "$1" >>/srv/alerts\\n' >/etc/blot/alert.d/test
    chmod +x /etc/blot/alert.d/test
    printf '[Service]\\nRestart=no\\n' >/etc/systemd/system/blot-edge.service.d/90-test.conf
    systemctl daemon-reload
    systemctl restart monit`)
  const watched = (service: string): string =>
    `monit -B status ${service} | grep --quiet --extended-regexp '^ +status +OK'`
  for (const service of ['edge', 'app', 'redis', 'cache']) await machine.until(watched(service))

  await t.test('a wedged app, which accepts and never answers, is replaced', async (t) => {
    const pid = await mainPid(machine, 'blot-app@8080')
    await machine.do(`kill -STOP ${pid}`)
    await machine.until(`grep --quiet 'app replaced: it answers' /srv/alerts`)
    t.not(await mainPid(machine, 'blot-app@8080'), pid)
    await machine.do('curl --silent --fail --output /dev/null http://127.0.0.1:8080/health')
  })

  await t.test('a killed edge comes back, though its supervisor leaves it', async (t) => {
    const pid = await mainPid(machine, 'blot-edge')
    await machine.do(`kill -KILL ${pid}`)
    await machine.until(`grep --quiet 'edge restarted: it answers' /srv/alerts`)
    t.not(await mainPid(machine, 'blot-edge'), pid)
    await machine.do('curl --silent --fail --output /dev/null --insecure https://blot.example/health')
  })

  await t.test('who restarts something has Monit look away, until he is killed', async (t) => {
    const script = `set -euo pipefail; . ${release}/ops/lib/monit.sh; pause_monitoring app edge; touch /srv/paused; sleep 1000`
    await machine.do(`echo '${script}' >/srv/pause; setsid bash /srv/pause >/srv/said 2>&1 & echo $! >/srv/pid`)
    const state = (words: string): string =>
      ['app', 'edge'].map((name) => `monit -B status ${name} | grep --quiet 'monitoring status *${words}'`).join(' && ')
    await machine.until('[[ -e /srv/paused ]]')
    await machine.until(state('Not monitored'))
    await machine.do('kill -KILL $(cat /srv/pid)')
    await machine.until(state('Monitored'))
    t.match(await machine.do('cat /srv/said'), 'monit unmonitor app')
  })
}
