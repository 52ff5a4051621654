import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { root } from '../../commands/run-edge.ts'
import { release, type Machine } from './boot.ts'
import { host, mainPid, resolve } from './site.ts'

/** The services of a machine that is prepared: under systemd, asked from within. */
export async function testServices(t: Test, machine: Machine): Promise<void> {
  await machine.do(`cat >>/etc/blot/environment.sh <<'END'
export BLOT_UPLOAD_TOKEN='a"b$c\`d\\e'
export EDGE_STORE_KEY='${randomBytes(32).toString('base64')}'
export EDGE_WORKERS=1
END
cp -r ${release}/blot-app/blogs/. /var/www/blot/data/blogs
chown -R blot: /var/www/blot/data/blogs
printf '[Service]\\nWatchdogSec=10\\nTimeoutAbortSec=1\\n' >/etc/systemd/system/blot-edge.service.d/90-watchdog.conf
systemctl daemon-reload`)

  await t.test('started as docs/operations.md says, both answer, and check knows who holds the ports', async (t) => {
    await machine.do(documented('start'))
    await machine.until('curl --silent --fail http://127.0.0.1:8080/health')
    t.equal(await machine.do('curl --silent --fail http://blot.example/health'), 'ok\n')
    t.equal(await machine.do('curl --silent --fail --insecure https://blot.example/health'), 'ok\n')
    await machine.until(`curl --silent --fail --insecure ${resolve} https://${host}/ | grep --quiet 'The Slow Garden'`)
    const stdout = await machine.do('blot-edge check')
    for (const variable of ['EDGE_HTTP_PORT', 'EDGE_HTTPS_PORT']) {
      t.match(stdout, new RegExp(`^ {2}ok +${variable} .*is held by the running edge`, 'm'))
    }
  })

  await t.test('no process of the edge is root, may become it, or leaves a core dump', async (t) => {
    const pids = await machine.do('cat /sys/fs/cgroup/system.slice/blot-edge.service/cgroup.procs')
    const processes = pids.trim().split('\n')
    t.ok(processes.length >= 3, 'primary, manager, worker')
    for (const pid of processes) {
      const status = await machine.do(
        `cat /proc/${pid}/status /proc/${pid}/limits; stat --format 'user %U' /proc/${pid}`,
      )
      t.match(status, /^user blot-edge$/m)
      t.match(status, /^CapBnd:\t0+$/m)
      t.match(status, /^NoNewPrivs:\t1$/m)
      t.match(status, /^Seccomp:\t2$/m)
      t.match(status, /^Max core file size +0 +0 /m)
    }
  })

  await t.test('the app is its own user, and gets its variables to the letter, but none of the edge’s', async (t) => {
    const pid = await mainPid(machine, 'blot-app@8080')
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

  await t.test('another primary takes over, and is the one that the watchdog watches', async (t) => {
    const pid = await mainPid(machine, 'blot-edge')
    const properties =
      'systemctl show --property=ActiveState,SubState,NRestarts,ActiveEnterTimestampMonotonic blot-edge'
    const before = await machine.do(properties)
    const upgraded = await machine.do('blot-edge upgrade')
    const successor = await mainPid(machine, 'blot-edge')
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
    await machine.do('rm /etc/systemd/system/blot-edge.service.d/90-watchdog.conf; systemctl daemon-reload')
  })

  await t.test('while systemd starts a killed edge again, visitors wait, and nobody is refused', async (t) => {
    const pid = await mainPid(machine, 'blot-edge')
    const visit = 'curl --silent --show-error --fail --max-time 120 http://127.0.0.1/health'
    t.equal(await machine.do(`kill -KILL ${pid} && while [[ -e /proc/${pid} ]]; do :; done; ${visit}`), 'ok\n')
    t.not(await mainPid(machine, 'blot-edge'), pid)
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
    const [edge, app] = [await mainPid(machine, 'blot-edge'), await mainPid(machine, 'blot-app@8080')]
    const visits = `while [[ ! -e /srv/enough ]]; do
      curl --silent --output /dev/null --max-time 30 --insecure --write-out '%{http_code}\\n' "https://blot.example/?$((n += 1))"
      sleep 0.25
    done >/srv/visits`
    const visiting = machine.do(visits)
    t.match(await machine.do(`${reboot} app`), /restart blot-app@8081[^]*restart blot-app@8080[^]*stop blot-app@8081/)
    t.not(await mainPid(machine, 'blot-app@8080'), app)
    t.match(await machine.run('systemctl is-active blot-app@8081'), { stdout: 'inactive\n' })
    const worker = await machine.do("pgrep --full 'main.ts worker'")
    t.match(await machine.do(`${reboot} edge`), /blot-edge reload/)
    t.equal(await mainPid(machine, 'blot-edge'), edge, 'no restart')
    t.not(
      (await machine.do("pgrep --full 'main.ts worker'")).split('\n').at(-2),
      worker.split('\n').at(-2),
      'a new worker',
    )
    await machine.do('touch /srv/enough')
    await visiting
    const statuses = (await machine.do('cat /srv/visits')).trim().split('\n')
    t.ok(statuses.length > 10, `${statuses.length} visits`)
    t.strictSame([...new Set(statuses)], ['200'])
  })
}

/** A block of docs/operations.md: ```sh NAME */
function documented(name: string): string {
  const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const block = new RegExp(`^\`\`\`sh ${name}\\n([^]*?)^\`\`\``, 'm').exec(page)?.[1]
  if (block === undefined) throw new Error(`docs/operations.md has no block ${name}`)
  return block
}
