import t from 'tap'
import { bootMachine, release, whyNoMachine } from './machine.ts'

/** Deploying and going back, on a throw-away machine with a systemd of its own that serves two blogs all the while. */

const skip = whyNoMachine()
if (skip !== false) {
  t.pass(`needs a machine of its own: ${skip}`, { skip })
  process.exit()
}

t.setTimeout(600_000)
const machine = await bootMachine(t)
const releases = '/opt/blot-edge/releases'
const deploy = '/opt/blot-edge/current/ops/deploy/deploy'
const host = 'garden.blot.example'
const resolve = `--resolve ${host}:443:127.0.0.1 --resolve ${host}:80:127.0.0.1`

await machine.do(`${release}/ops/setup/debian.sh --host blot.example --email operator@blot.example
  cp -r ${release}/blot-app/blogs/. /var/www/blot/data/blogs
  chown -R blot: /var/www/blot/data/blogs
  echo 'export EDGE_ISSUER=local' >>/etc/blot/environment.sh
  echo 'export EDGE_WORKERS=1' >>/etc/blot/environment.sh
  systemctl start redis-server blot-app@8080 blot-edge-http.socket blot-edge-https.socket blot-edge`)
await machine.until(`curl --silent --fail --insecure ${resolve} https://${host}/ | grep --quiet 'The Slow Garden'`)

/** Another release, whose node_modules are those of the first one. */
async function addRelease(name: string, change = 'true'): Promise<void> {
  await machine.do(`mkdir ${releases}/${name}
    tar -C ${release} --exclude=./node_modules -cf - . | tar -C ${releases}/${name} -xf -
    mkdir ${releases}/${name}/node_modules
    mount --bind ${release}/node_modules ${releases}/${name}/node_modules
    cd ${releases}/${name}
    ${change}`)
}

const current = async (): Promise<string> =>
  (await machine.do('basename "$(readlink -f /opt/blot-edge/current)"')).trim()

/** The certificate that a visitor is shown. */
async function fingerprint(): Promise<string> {
  return machine.do(
    `openssl s_client -connect 127.0.0.1:443 -servername ${host} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint`,
  )
}

/** Asks again and again while `script` runs. @returns its outcome, and each status that is not 200. */
async function whileAsking(
  script: string,
): Promise<{ code: number | null; stdout: string; stderr: string; failed: string }> {
  await machine.do(`rm -f /run/asking /run/asked; touch /run/asking
    setsid sh -c 'while [ -e /run/asking ]; do
      curl --silent --insecure --output /dev/null --max-time 30 --write-out "%{http_code} %{errormsg}\\n" ${resolve} https://${host}/about
      curl --silent --output /dev/null --max-time 30 --write-out "%{http_code} %{errormsg}\\n" ${resolve} http://${host}/nothing-is-here
    done >>/run/asked; touch /run/asking-ended' >/dev/null 2>&1 &`)
  const ran = await machine.run(script)
  const asked = await machine.do(`rm /run/asking; until [ -e /run/asking-ended ]; do sleep 0.1; done
    rm /run/asking-ended; grep -c . /run/asked; grep -Ev '^(200|404) ' /run/asked || true`)
  const [count, ...failed] = asked.trim().split('\n')
  if (Number(count) === 0) throw new Error('nobody asked')
  return { ...ran, failed: failed.join('\n') }
}

/** Has the Node.js of a release say that it is another one. */
const otherNode = `cat >node <<'END'
#!/bin/sh
[ "$1" != --version ] || { echo v26.99.0; exit; }
exec ${release}/node_modules/.bin/node "$@"
END
  chmod 755 node
  mount --make-private node_modules # else it would be the first release's as well
  mount --bind node node_modules/.bin/node`

await t.test('a release is put into service without a dropped request, and so is the one of before', async (t) => {
  const before = await fingerprint()
  const starts = await machine.do('systemctl show --property=ActiveEnterTimestampMonotonic blot-edge')
  await addRelease('next', `sed -i 's/"version": "[^"]*"/"version": "9.9.9"/' package.json; ${otherNode}`)
  t.match(await machine.do(`${deploy} --dry-run next`), /would +link .*next/)
  t.equal(await current(), 'test', 'a dry run changes nothing')
  const there = await whileAsking(`${deploy} next`)
  t.match(
    there,
    { code: 0, stdout: /run +timeout 180 \S+blot-edge upgrade[^]*did +release next serves/, failed: '' },
    there.stderr,
  )
  t.equal(await current(), 'next')
  t.match(await machine.do('blot-edge status --json'), /"version": ?"9\.9\.9"/)
  t.match(await machine.do('readlink /proc/$(systemctl show --property=MainPID --value blot-app@8080)/cwd'), /next/)
  t.equal(await fingerprint(), before)
  const back = await whileAsking(`${deploy} previous`)
  t.match(back, { code: 0, stdout: /run +timeout 180 \S+blot-edge upgrade/, failed: '' }, back.stderr)
  t.equal(await current(), 'test')
  t.equal(await machine.do('systemctl show --property=ActiveEnterTimestampMonotonic blot-edge'), starts, 'no restart')
})

await t.test('a release that does not work is taken back by itself', async (t) => {
  await addRelease('no-worker', `echo 'throw new Error("broken")' >>proxy/src/lifecycle/worker.ts`)
  const edge = await whileAsking(`${deploy} no-worker`)
  t.match(edge, { code: 1, stderr: /the release failed, and test serves again/, failed: '' })
  t.equal(await current(), 'test')
})

await t.test('what cannot work changes nothing', async (t) => {
  const rows: [string, RegExp][] = [
    [`${deploy} nowhere`, /there is no release nowhere/],
    [`${deploy} test`, /is in service already/],
    [`${deploy} /etc`, /lies outside of/],
    [
      `cp /etc/blot/environment.sh /run/kept; echo 'export EDGE_LGO=json' >>/etc/blot/environment.sh; ${deploy} next; code=$?; cp /run/kept /etc/blot/environment.sh; exit $code`,
      /the configuration has faults/,
    ],
  ]
  for (const [script, stderr] of rows) t.match(await machine.run(script), { code: 1, stderr })
  t.equal(await current(), 'test')
})
