import type { Test } from 'tap'
import type { Ran } from '../../commands/run-edge.ts'
import { modules, release, type Machine } from './boot.ts'
import { fingerprint, host, mainPid, resolve } from './site.ts'

/** Deploying and going back, while two blogs are served. */
export async function testDeploys(t: Test, machine: Machine): Promise<void> {
  const releases = '/opt/blot-edge/releases'
  const deploy = '/opt/blot-edge/current/ops/deploy/deploy'
  /** Another release, made from an archive of a changed source. Its Node.js says that it is another one than the first release's. */
  async function addRelease(name: string, change: string): Promise<void> {
    await machine.do(`rm -rf /srv/source; mkdir /srv/source; cd /srv/source
    tar -C ${release} --exclude=./node_modules -cf - . | tar -xf -
    ${change}
    tar -cf /srv/${name}.tar .
    ${release}/ops/deploy/release --name ${name} /srv/${name}.tar
    cd ${releases}/${name}/node_modules
    rm .bin; mkdir .bin
    cat >.bin/node <<'END'
#!/bin/sh
[ "$1" != --version ] || { echo v26.99.0; exit; }
exec ${modules}/.bin/node "$@"
END
    chmod 755 .bin/node`)
  }

  const startOfEdge = 'systemctl show --property=ActiveEnterTimestampMonotonic blot-edge'
  let starts: string

  const releaseOfApp = async (): Promise<string> =>
    (await machine.do(`basename "$(readlink /proc/${await mainPid(machine, 'blot-app@8080')}/cwd)"`)).trim()

  const current = async (): Promise<string> =>
    (await machine.do('basename "$(readlink -f /opt/blot-edge/current)"')).trim()

  /** Asks again and again while `script` runs. @returns its outcome, and each status that is not 200. */
  async function whileAsking(script: string): Promise<Ran & { failed: string }> {
    const ask = `curl --silent --insecure --output /dev/null --max-time 30 --write-out "%{http_code} %{errormsg}\\n" ${resolve}`
    await machine.do(`rm -f /run/asking /run/asked; touch /run/asking
    setsid sh -c 'while [ -e /run/asking ]; do
      ${ask} https://${host}/about
      ${ask} http://${host}/nothing-is-here
      sleep 0.5
    done >>/run/asked; touch /run/asking-ended' >/dev/null 2>&1 &`)
    const ran = await machine.run(script)
    const asked = await machine.do(`rm /run/asking; until [ -e /run/asking-ended ]; do sleep 0.1; done
    rm /run/asking-ended; grep -c . /run/asked; grep -Ev '^(200|404) ' /run/asked || true`)
    const [count, ...failed] = asked.trim().split('\n')
    if (Number(count) === 0) throw new Error('nobody asked')
    return { ...ran, failed: failed.join('\n') }
  }

  await t.test('a release is put into service without a dropped request', async (t) => {
    const before = await fingerprint(machine)
    starts = await machine.do(startOfEdge)
    await addRelease('next', `sed -i 's/"version": "[^"]*"/"version": "9.9.9"/' package.json`)
    t.match(await machine.do(`${deploy} --dry-run next`), /would +link .*next/)
    t.equal(await current(), 'test', 'a dry run changes nothing')
    const ran = await whileAsking(`${deploy} next`)
    const stdout = /run +timeout 180 \S+blot-edge upgrade[^]*did +release next serves/
    t.match(ran, { code: 0, stdout, failed: '' }, ran.stderr)
    t.equal(await current(), 'next')
    t.match(await machine.do('blot-edge status --json'), /"version": ?"9\.9\.9"/)
    t.equal(await releaseOfApp(), 'next')
    t.equal(await fingerprint(machine), before)
  })

  await t.test('an app that does not start leaves the one that serves alone', async (t) => {
    await addRelease('no-app', `echo 'throw new Error("broken")' >blot-app/src/main.ts`)
    const pid = await mainPid(machine, 'blot-app@8080')
    const ran = await whileAsking(`${deploy} no-app`)
    t.match(ran, { code: 1, stderr: /the one that serves is left alone[^]*next serves again/, failed: '' })
    t.equal(await mainPid(machine, 'blot-app@8080'), pid)
    t.match(await machine.run('systemctl is-active blot-app@8081'), { code: 3 })
    t.equal(await current(), 'next')
  })

  await t.test('an edge that does not start is gone back from', async (t) => {
    await addRelease('no-worker', `echo 'throw new Error("broken")' >>proxy/src/lifecycle/worker.ts`)
    const ran = await whileAsking(`${deploy} --only edge no-worker`)
    t.match(ran, { code: 1, stderr: /the release failed, and next serves again/, failed: '' })
    t.equal(await current(), 'next')
  })

  await t.test('a deploy that is killed is gone back from, by the next one or by --recover', async (t) => {
    // Whoever starts it ends by the same signal.
    // Killed with its reboot, when the second app of the new release is about to start.
    const kill = 'kill -KILL $(pgrep --full "^bash [^ ]*ops/deploy/(deploy|reboot) ")'
    await addRelease('killed-early', `sed -i '2i ${kill}' ops/environment/app-environment`)
    // Killed when everything runs from the new release, which is about to be compared with the one of before.
    await addRelease('killed-late', `sed -i '2i case $* in "certificates list"*) ${kill} ;; esac' bin/blot-edge`)
    const isWatched = `monit -B status edge | grep --quiet 'monitoring status *Monitored'`
    const early = await whileAsking(`${deploy} killed-early`)
    t.match(early, { code: null, failed: '' }, early.stderr)
    t.equal(await current(), 'killed-early')
    t.match(await machine.run('blot-edge doctor'), { stdout: /warn +deploy +one is at work, or was cut off/ })
    await machine.until(isWatched)

    const late = await whileAsking(`${deploy} killed-late`)
    t.match(late, { code: null, stderr: /going back to \S+next\n[^]*next serves again/, failed: '' }, late.stderr)
    t.equal(await current(), 'killed-late')
    await machine.until(isWatched)

    const back = await whileAsking(`${deploy} --recover`)
    t.match(back, { code: 0, stderr: /next serves again/, failed: '' }, back.stderr)
    t.equal(await current(), 'next')
    t.equal(await releaseOfApp(), 'next')
    t.match(await machine.run('systemctl is-active blot-app@8081'), { stdout: 'inactive\n' })
    await machine.until(isWatched)
    t.match(await machine.do(`${deploy} --recover`), /no deploy was cut off/)
  })

  await t.test('the release of before is a word away', async (t) => {
    const ran = await whileAsking(`${deploy} --keep 1 previous`)
    t.match(ran, { code: 0, stdout: /run +timeout 180 \S+blot-edge upgrade/, failed: '' }, ran.stderr)
    t.equal(await current(), 'test')
    t.equal(await releaseOfApp(), 'test')
    t.equal(await machine.do(startOfEdge), starts, 'in all of this, no restart')
    // One more than the two that may run; the first of them was not made by ops/deploy/release.
    t.equal(await machine.do(`ls ${releases}`), 'next\nno-worker\ntest\n')
  })

  await t.test('what cannot work changes nothing', async (t) => {
    const rows: [string, RegExp][] = [
      [`${deploy} nowhere`, /there is no release nowhere/],
      [`${deploy} test`, /is in service already/],
      [`${deploy} /etc`, /lies outside of/],
      [`${release}/ops/deploy/release --name next /srv/next.tar`, /next is there already: a release is never changed/],
      [`${release}/ops/deploy/release /etc/hosts`, /is no tar archive/],
      [`${release}/ops/deploy/release /etc`, /is no git checkout/],
      [
        `cp /etc/blot/environment.sh /run/kept; echo 'export EDGE_LGO=json' >>/etc/blot/environment.sh; ${deploy} next; code=$?; cp /run/kept /etc/blot/environment.sh; exit $code`,
        /the configuration has faults/,
      ],
    ]
    for (const [script, stderr] of rows) t.match(await machine.run(script), { code: 1, stderr })
    t.equal(await current(), 'test')
  })
}
