import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { root } from '../commands/run-edge.ts'
import { bootMachine, release, whyNoMachine } from './machine.ts'

/** The services of a machine that is prepared: under systemd, watched by Monit, asked from within. */

const skip = whyNoMachine()
if (skip !== false) {
  t.pass(`needs a machine of its own: ${skip}`, { skip })
  process.exit()
}

t.setTimeout(600_000)
const machine = await bootMachine(t)
await machine.do(`${release}/ops/setup/debian.sh --host blot.example --email operator@blot.example
cat >>/etc/blot/environment.sh <<'END'
export BLOT_UPLOAD_TOKEN='a"b$c\`d\\e'
export EDGE_STORE_KEY='${randomBytes(32).toString('base64')}'
export EDGE_ISSUER=local
export EDGE_WORKERS=1
END`)

/** A block of docs/operations.md: ```sh NAME */
function documented(name: string): string {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const block = new RegExp(`^\`\`\`sh ${name}\\n([^]*?)^\`\`\``, 'm').exec(page)?.[1]
  if (block === undefined) throw new Error(`docs/operations.md has no block ${name}`)
  return block
}

async function mainPid(unit: string): Promise<string> {
  return (await machine.do(`systemctl show --property=MainPID --value ${unit}`)).trim()
}

await t.test('started as docs/operations.md says, both answer, and check knows who holds the ports', async (t) => {
  await machine.do(documented('start'))
  await machine.until('curl --silent --fail http://127.0.0.1:8080/health')
  t.equal(await machine.do('curl --silent --fail http://blot.example/health'), 'ok\n')
  t.equal(await machine.do('curl --silent --fail --insecure https://blot.example/health'), 'ok\n')
  // Not its exit code: it gives the app a second, which on a busy machine is too little.
  const { stdout } = await machine.run('blot-edge check')
  for (const variable of ['EDGE_HTTP_PORT', 'EDGE_HTTPS_PORT']) {
    t.match(stdout, new RegExp(`^ {2}ok +${variable} .*is held by the running edge`, 'm'))
  }
})

await t.test('no process of the edge is root, may become it, or leaves a core dump', async (t) => {
  const pids = await machine.do('cat /sys/fs/cgroup/system.slice/blot-edge.service/cgroup.procs')
  const processes = pids.trim().split('\n')
  t.ok(processes.length >= 3, 'primary, manager, worker')
  for (const pid of processes) {
    const status = await machine.do(`cat /proc/${pid}/status /proc/${pid}/limits; stat --format 'user %U' /proc/${pid}`)
    t.match(status, /^user blot-edge$/m)
    t.match(status, /^CapBnd:\t0+$/m)
    t.match(status, /^NoNewPrivs:\t1$/m)
    t.match(status, /^Seccomp:\t2$/m)
    t.match(status, /^Max core file size +0 +0 /m)
  }
})

await t.test('the app is its own user, and gets its variables to the letter, but none of the edge’s', async (t) => {
  const pid = await mainPid('blot-app@8080')
  const environment = (await machine.do(`tr '\\0' '\\n' </proc/${pid}/environ`)).split('\n')
  t.ok(environment.includes('BLOT_PORT=8080'))
  t.ok(environment.includes('BLOT_UPLOAD_TOKEN=a"b$c`d\\e'))
  t.strictSame(
    environment.filter((line) => line.startsWith('EDGE_')),
    [],
  )
  t.equal(await machine.do(`stat --format '%U' /proc/${pid}`), 'blot\n')
})

await t.test('fail2ban counts what scanners leave in the real log', async (t) => {
  const probe = 'curl --silent --insecure --output /dev/null'
  await machine.do(`${probe} https://blot.example/.env; ${probe} http://127.0.0.1/wp-login.php; ${probe} http://127.0.0.1/missing
    printf 'NO REQUEST\\r\\n\\r\\n' | curl --silent --max-time 20 telnet://127.0.0.1:80 >/dev/null || true`)
  const counted = 'fail2ban-regex --out ip /var/log/blot/edge.log /etc/fail2ban/filter.d/blot-edge.conf'
  await machine.until(`[[ $(${counted} | wc --lines) == 3 ]]`)
  t.equal(await machine.do(counted), '127.0.0.1\n'.repeat(3))
})

await t.test('while systemd starts a killed edge again, visitors wait, and nobody is refused', async (t) => {
  // For what comes after it.
  await machine.do(`mkdir -p /etc/systemd/system/blot-edge.service.d
    printf '[Service]\\nWatchdogSec=10\\n' >/etc/systemd/system/blot-edge.service.d/80-watchdog.conf
    systemctl daemon-reload`)
  const pid = await mainPid('blot-edge')
  const visit = 'curl --silent --show-error --fail --max-time 120 http://127.0.0.1/health'
  t.equal(await machine.do(`kill -KILL ${pid} && while [[ -e /proc/${pid} ]]; do :; done; ${visit}`), 'ok\n')
  t.not(await mainPid('blot-edge'), pid)
})

await t.test('another primary takes over, and is the one that the watchdog watches', async (t) => {
  const pid = await mainPid('blot-edge')
  const properties = 'systemctl show --property=ActiveState,SubState,NRestarts,ActiveEnterTimestampMonotonic blot-edge'
  const before = await machine.do(properties)
  const upgraded = await machine.do('blot-edge upgrade')
  const successor = await mainPid('blot-edge')
  t.match(upgraded, `process ${successor} serves as generation 2, process ${pid} drains\n`)
  t.not(successor, pid)
  await machine.until(`[[ ! -e /proc/${pid} ]]`)
  t.equal(await machine.do(properties), before, 'no restart')
  t.equal(await machine.do('cat /run/blot-edge/edge.pid'), `${successor}\n`)
  t.equal(await machine.do('curl --silent --fail http://blot.example/health'), 'ok\n')

  // One that hangs, as one that is stopped does, ends by nothing but the watchdog.
  const starts = Number(/^NRestarts=(\d+)$/m.exec(before)?.[1])
  await machine.do(`kill -STOP ${successor}`)
  await machine.until(`[[ $(systemctl show --property=NRestarts --value blot-edge) == ${starts + 1} ]]`)
  await machine.until('systemctl is-active --quiet blot-edge')
  t.equal(await machine.do('curl --silent --fail http://blot.example/health'), 'ok\n')
})

await t.test('a reload that fails says why, and changes nothing', async (t) => {
  const processes = "pgrep --full 'main.ts (run|worker|manager)' | sort"
  const before = await machine.do(processes)
  await machine.do('sed -i s/WORKERS=1/WORKERS=none/ /etc/blot/environment.sh')
  t.match(await machine.run('systemctl reload blot-edge'), { code: 1 })
  t.match(await machine.do('journalctl --unit blot-edge --output cat'), /EDGE_WORKERS/)
  await machine.do('sed -i s/WORKERS=none/WORKERS=1/ /etc/blot/environment.sh')
  t.equal(await machine.do(processes), before)
})

await t.test('reboot replaces the edge, and the app behind it, while visitors come', async (t) => {
  const reboot = '/opt/blot-edge/current/ops/deploy/reboot'
  t.match(await machine.do(`${reboot} --dry-run edge`), /^would +timeout 120 \S+blot-edge reload$/m)
  const [edge, app] = [await mainPid('blot-edge'), await mainPid('blot-app@8080')]
  const visits = `while [[ ! -e /tmp/enough ]]; do
    curl --silent --output /dev/null --max-time 30 --insecure --write-out '%{http_code}\\n' "https://blot.example/?$((n += 1))"
  done >/tmp/visits`
  const visiting = machine.do(visits)
  t.match(await machine.do(`${reboot} app`), /start blot-app@8081[^]*restart blot-app@8080[^]*stop blot-app@8081/)
  t.not(await mainPid('blot-app@8080'), app)
  t.match(await machine.run('systemctl is-active blot-app@8081'), { stdout: 'inactive\n' })
  const worker = await machine.do("pgrep --full 'main.ts worker'")
  t.match(await machine.do(`${reboot} edge`), /blot-edge reload/)
  t.equal(await mainPid('blot-edge'), edge, 'no restart')
  t.not(
    (await machine.do("pgrep --full 'main.ts worker'")).split('\n').at(-2),
    worker.split('\n').at(-2),
    'a new worker',
  )
  await machine.do('touch /tmp/enough')
  await visiting
  const statuses = (await machine.do('cat /tmp/visits')).trim().split('\n')
  t.ok(statuses.length > 10, `${statuses.length} visits`)
  t.strictSame([...new Set(statuses)], ['200'])
})

await t.test('Monit', async (t) => {
  // As it is, but in seconds instead of minutes.
  await machine.do(`sed -i 's/set daemon 20/set daemon 1/; s/timeout 10 seconds/timeout 3 seconds/' /etc/monit/conf.d/*
    mkdir -p /etc/blot/alert.d
    printf '#!/bin/sh\\necho "$1" >>/root/alerts\\n' >/etc/blot/alert.d/test
    chmod +x /etc/blot/alert.d/test
    printf '[Service]\\nRestart=no\\n' >/etc/systemd/system/blot-edge.service.d/90-test.conf
    systemctl daemon-reload
    systemctl restart monit`)
  const watched = (service: string): string =>
    `monit -B status ${service} | grep --quiet --extended-regexp '^ +status +OK'`
  for (const service of ['edge', 'app', 'redis', 'cache']) await machine.until(watched(service))

  await t.test('a wedged app, which accepts and never answers, is replaced', async (t) => {
    const pid = await mainPid('blot-app@8080')
    await machine.do(`kill -STOP ${pid}`)
    await machine.until(`grep --quiet 'app replaced: it answers' /root/alerts`)
    t.not(await mainPid('blot-app@8080'), pid)
    await machine.do('curl --silent --fail --output /dev/null http://127.0.0.1:8080/health')
  })

  await t.test('a killed edge comes back, though its supervisor leaves it', async (t) => {
    const pid = await mainPid('blot-edge')
    await machine.do(`kill -KILL ${pid}`)
    await machine.until(`grep --quiet 'edge restarted: it answers' /root/alerts`)
    t.not(await mainPid('blot-edge'), pid)
    await machine.do('curl --silent --fail --output /dev/null --insecure https://blot.example/health')
  })

  await t.test('who restarts something has Monit look away, until he is killed', async (t) => {
    const script = `set -euo pipefail; . ${release}/ops/lib/monit.sh; pause_monitoring app edge; touch /tmp/paused; sleep 1000`
    await machine.do(`echo '${script}' >/tmp/pause; setsid bash /tmp/pause >/tmp/said 2>&1 & echo $! >/tmp/pid`)
    const state = (words: string): string =>
      ['app', 'edge'].map((name) => `monit -B status ${name} | grep --quiet 'monitoring status *${words}'`).join(' && ')
    await machine.until('[[ -e /tmp/paused ]]')
    await machine.until(state('Not monitored'))
    await machine.do('kill -KILL $(cat /tmp/pid)')
    await machine.until(state('Monitored'))
    t.match(await machine.do('cat /tmp/said'), 'monit unmonitor app')
  })
})
