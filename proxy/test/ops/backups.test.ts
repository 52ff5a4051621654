import t from 'tap'
import { bootMachine, release, whyNoMachine } from './machine.ts'

/** Backing up, restoring and moving Redis, on a throw-away machine with a systemd of its own that serves two blogs. */

const skip = whyNoMachine()
if (skip !== false) {
  t.pass(`needs a machine of its own: ${skip}`, { skip })
  process.exit()
}

t.setTimeout(300_000)
const machine = await bootMachine(t)
const host = 'garden.blot.example'
const resolve = `--resolve ${host}:443:127.0.0.1 --resolve ${host}:80:127.0.0.1`

await machine.do(`${release}/ops/setup/debian.sh --host blot.example --email operator@blot.example
  cp -r ${release}/blot-app/blogs/. /var/www/blot/data/blogs
  chown -R blot: /var/www/blot/data/blogs
  echo 'export EDGE_ISSUER=local' >>/etc/blot/environment.sh
  echo 'export EDGE_WORKERS=1' >>/etc/blot/environment.sh
  systemctl start redis-server blot-app@8080 blot-edge-http.socket blot-edge-https.socket blot-edge`)
await machine.until(`curl --silent --fail --insecure ${resolve} https://${host}/ | grep --quiet 'The Slow Garden'`)

/** The certificate that a visitor is shown. */
async function fingerprint(): Promise<string> {
  return machine.do(
    `openssl s_client -connect 127.0.0.1:443 -servername ${host} </dev/null 2>/dev/null | openssl x509 -noout -fingerprint`,
  )
}

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
