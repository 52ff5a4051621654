import t from 'tap'
import { bootMachine, release, whyNoMachine } from './machine.ts'

/**
 * Deploying, going back, backing up, restoring and moving Redis, on a throw-away machine with a systemd of its own that serves
 * two blogs all the while.
 */

const skip = whyNoMachine()
if (skip !== false) {
  t.pass(`needs a machine of its own: ${skip}`, { skip })
  process.exit()
}

t.setTimeout(300_000)
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

await t.test('a release is put into service without a dropped request, and so is the one of before', async (t) => {
  const before = await fingerprint()
  await addRelease('next', `sed -i 's/"version": "[^"]*"/"version": "9.9.9"/' package.json`)
  t.match(await machine.do(`${deploy} --dry-run next`), /would +link .*next/)
  t.equal(await current(), 'test', 'a dry run changes nothing')
  const there = await whileAsking(`${deploy} next`)
  t.match(there, { code: 0, stdout: /did +release next serves/, failed: '' }, there.stderr)
  t.equal(await current(), 'next')
  t.match(await machine.do('blot-edge status --json'), /"version": ?"9\.9\.9"/)
  t.match(await machine.do('readlink /proc/$(systemctl show --property=MainPID --value blot-app@8080)/cwd'), /next/)
  t.equal(await fingerprint(), before)
  const back = await whileAsking(`${deploy} previous`)
  t.match(back, { code: 0, failed: '' }, back.stderr)
  t.equal(await current(), 'test')
})

await t.test('a release that does not work is taken back by itself', async (t) => {
  await addRelease('no-worker', `echo 'throw new Error("broken")' >>proxy/src/lifecycle/worker.ts`)
  const edge = await whileAsking(`${deploy} no-worker`)
  t.match(edge, { code: 1, stderr: /the release failed, and test serves again/, failed: '' })
  t.equal(await current(), 'test')
  await addRelease('other-pages', `grep -rl 404 blot-app/src/server | xargs sed -i 's/404/410/g'`)
  await addRelease('no-app', `echo 'throw new Error("broken")' >blot-app/src/main.ts`)
  const app = await whileAsking(`${deploy} no-app`)
  t.match(app, { code: 1, stderr: /the release failed, and test serves again/ })
  t.equal(await current(), 'test')
  await machine.until(`curl --silent --fail http://127.0.0.1:8080/health`)
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

await t.test('a copy of everything is put back, and visitors see the certificate of before', async (t) => {
  const before = await fingerprint()
  await machine.do('redis-cli set domain:kept.example blog_1')
  const copy =
    (await machine.do('/opt/blot-edge/current/ops/backup/backup --to /var/backups/blot')).match(/to (\S+)/)?.[1] ?? ''
  t.match(await machine.do(`stat --format %a ${copy} ${copy}/redis.rdb`), '700\n600\n')
  await machine.do(`redis-cli flushall
    rm -r /var/lib/blot-edge/local-ca /etc/blot/environment.sh
    cp -r ${copy} /var/backups/damaged; echo x >>/var/backups/damaged/redis.rdb`)
  const restore = '/opt/blot-edge/current/ops/backup/restore'
  t.match(await machine.run(`${restore} --check /var/backups/damaged`), { code: 1, stderr: /is damaged/ })
  t.match(await machine.run(`${restore} /etc`), { code: 1, stderr: /is no copy/ })
  await machine.do(`${restore} ${copy}`)
  t.equal(await machine.do('redis-cli get domain:kept.example'), 'blog_1\n')
  await machine.until(`curl --silent --fail --insecure ${resolve} --output /dev/null https://${host}/`)
  t.equal(await fingerprint(), before)
  t.match(await machine.do('ls -d /var/lib/blot-edge.before-*'), /before-/)
})

await t.test('Redis moves to another folder, and stays where it is when that fails', async (t) => {
  const move = '/opt/blot-edge/current/ops/redis-move/redis-move'
  await machine.do('redis-cli set moved yes; mkdir -p /data; chmod 755 /data')
  await machine.do(`mkdir -m 700 /closed; mkdir /full; touch /full/file`)
  t.match(await machine.run(`${move} /closed/redis`), { code: 1, stderr: /may not enter/ })
  t.match(await machine.run(`${move} /full`), { code: 1, stderr: /holds other files/ })
  t.match(await machine.do(`${move} --dry-run /data/redis`), /would/)
  // A folder of Redis's own that it cannot write in: found out when it has been started there.
  await machine.do('systemctl start redis-server')
  const broken = `mv /usr/bin/rsync /usr/bin/rsync.kept; printf '#!/bin/sh\\nexit 11\\n' >/usr/bin/rsync; chmod +x /usr/bin/rsync
    ${move} /data/redis; code=$?; mv /usr/bin/rsync.kept /usr/bin/rsync; exit $code`
  t.match(await machine.run(broken), { code: 11 })
  t.equal(await machine.do('redis-cli get moved; redis-cli --raw config get dir'), 'yes\ndir\n/var/lib/redis\n')
  const ran = await machine.run(`${move} /data/redis`)
  t.match(ran, { code: 0, stdout: /did +Redis took no writes for [\d.]+ s/ }, ran.stderr)
  t.equal(await machine.do('redis-cli get moved; redis-cli --raw config get dir'), 'yes\ndir\n/data/redis\n')
  await machine.do('redis-cli set after move; systemctl restart redis-server')
  await machine.until('redis-cli ping | grep --quiet PONG')
  t.equal(await machine.do('redis-cli get after'), 'move\n')
  t.match(await machine.do(`${move} /data/redis`), /lie in \/data\/redis already/)
  await machine.until(`curl --silent --fail --insecure ${resolve} --output /dev/null https://${host}/`)
})
