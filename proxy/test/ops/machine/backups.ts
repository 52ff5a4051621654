import type { Test } from 'tap'
import type { Machine } from './boot.ts'
import { fingerprint, host, resolve } from './site.ts'

/** Backing up, restoring and moving Redis, while two blogs are served. */
export async function testBackups(t: Test, machine: Machine): Promise<void> {
  await t.test('a copy of everything is put back, and visitors see the certificate of before', async (t) => {
    const before = await fingerprint(machine)
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
    t.equal(await fingerprint(machine), before)
    t.match(await machine.do('ls -d /var/lib/blot-edge.before-*'), /before-/)
  })

  await t.test('Redis moves to another folder, and stays where it is when that fails', async (t) => {
    const move = '/opt/blot-edge/current/ops/redis-move/redis-move'
    const place = (): Promise<string> => machine.do('redis-cli get moved; redis-cli --raw config get dir | tail -n 1')
    await machine.do(`redis-cli set moved 0; mkdir -m 755 /data; mkdir -m 700 /closed; mkdir /full; touch /full/file`)
    t.match(await machine.run(`${move} /closed/redis`), { code: 1, stderr: /may not enter/ })
    t.match(await machine.run(`${move} /full`), { code: 1, stderr: /holds other files/ })
    t.match(await machine.do(`${move} --dry-run /data/redis`), /would/)

    // What happens at the first copy, while Redis goes on, and at the second one, while it is stopped.
    const rsync = (first: string, second: string): string => `cat >/usr/local/bin/rsync <<'END'
#!/bin/sh
if redis-cli ping >/dev/null 2>&1; then ${first}; fi
/usr/bin/rsync "$@"
${second}
END
chmod +x /usr/local/bin/rsync`
    const onceStopped = (what: string): string => `redis-cli ping >/dev/null 2>&1 || ${what}`
    const failures: [string, string, number | null][] = [
      ['the first copy fails', rsync('exit 11', ''), 11],
      ['the second copy fails', rsync('true', onceStopped('exit 12')), 12],
      ['Redis does not start there', rsync('true', onceStopped('echo damaged >/data/redis/dump.rdb')), 1],
      ['kill -9 while it is stopped', rsync('true', onceStopped('kill -KILL "$PPID"')), null],
    ]
    for (const [i, [name, breaking, code]] of failures.entries()) {
      await machine.do(breaking)
      const ran = await machine.run(`${move} /data/redis`)
      t.equal(ran.code, code, `${name}: ${ran.stderr}`)
      // It takes writes again.
      await machine.until(`redis-cli set moved ${i} | grep --quiet OK`)
      t.equal(await place(), `${i}\n/var/lib/redis\n`, name)
    }
    await machine.do('rm /usr/local/bin/rsync')
    const ran = await machine.run(`${move} /data/redis`)
    t.match(ran, { code: 0, stdout: /did +Redis took no writes for [\d.]+ s/ }, ran.stderr)
    t.equal(await place(), `${failures.length - 1}\n/data/redis\n`)
    await machine.do('redis-cli set moved after; systemctl restart redis-server')
    await machine.until('redis-cli ping | grep --quiet PONG')
    t.equal(await place(), 'after\n/data/redis\n')
    t.match(await machine.do(`${move} /data/redis`), /lie in \/data\/redis already/)
    await machine.until(`curl --silent --fail --insecure ${resolve} --output /dev/null https://${host}/`)
  })
}
