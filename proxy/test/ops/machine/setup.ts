import type { Test } from 'tap'
import { modules, release, type Machine } from './boot.ts'

/** From an empty Debian to a machine that is prepared, as docs/operations.md has it. */
export async function testSetup(t: Test, machine: Machine): Promise<void> {
  const setup = `${release}/ops/setup/debian.sh`

  /** `OWNER:GROUP MODE` of each path. */
  async function modes(...paths: string[]): Promise<string[]> {
    return (await machine.do(`stat --format '%U:%G %a' ${paths.join(' ')}`)).trim().split('\n')
  }

  await t.test('a dry run names everything and changes nothing', async (t) => {
    const before = await machine.do('find /etc /var/lib /usr/local /cache -newer /proc/1 2>/dev/null | sort')
    const dry = await machine.do(`${setup} --dry-run`)
    t.match(dry, /^would +make user blot-edge$/m)
    t.notMatch(dry, /^did/m)
    t.match(await machine.run(`${setup} --check`), { code: 1, stderr: /\d+ to do/ })
    t.equal(await machine.do('find /etc /var/lib /usr/local /cache -newer /proc/1 2>/dev/null | sort'), before)
  })

  await t.test('it prepares an empty machine, and a second time it finds nothing to do', async (t) => {
    await machine.do(`${setup} --host blot.example --email operator@blot.example`)
    const expected = {
      '/etc/blot': 'root:blot-edge 750',
      '/etc/blot/environment.sh': 'root:blot-edge 640',
      '/var/lib/blot-edge': 'blot-edge:blot-edge 700',
      '/var/log/blot': 'root:adm 2750',
      '/cache': 'blot:blot-edge 2750',
      '/cache/.edge': 'blot-edge:blot-edge 2700',
      '/var/www/blot/data': 'blot:blot-edge 2750',
      '/etc/monit/conf.d/blot-edge.conf': 'root:root 600',
      '/etc/systemd/system/blot-edge.service': 'root:root 644',
    }
    t.strictSame(await modes(...Object.keys(expected)), Object.values(expected))
    t.match(
      await machine.do('readlink /opt/blot-edge/current; blot-edge --version'),
      /^\/opt\/blot-edge\/releases\/test\n\d+\./,
    )
    t.notMatch(await machine.do(setup), /^did/m)
    t.match(await machine.run(`${setup} --check`), { code: 0, stderr: '' })
    await machine.do('monit -t')
    await machine.do('blot-edge check --configuration')
  })

  await t.test('it keeps what an operator has changed, and follows the environment file', async (t) => {
    await machine.do(`echo '# mine' >>/etc/logrotate.d/blot
    chmod 644 /etc/blot/environment.sh
    sed -i 's/^export BLOT_PORT=.*/export BLOT_PORT=8090/; s/^export BLOT_REDIS_HOST=.*/export BLOT_REDIS_HOST=127.0.0.1:6380/' /etc/blot/environment.sh
    echo 'export EDGE_HTTP_PORT=8000' >>/etc/blot/environment.sh
    echo 'export EDGE_ADDRESS=127.0.0.1' >>/etc/blot/environment.sh`)
    const again = await machine.do(setup)
    t.match(again, /^did +keep \/etc\/logrotate\.d\/blot, which was changed here/m)
    t.match(await machine.do('tail -n 1 /etc/logrotate.d/blot'), '# mine')
    t.strictSame(await modes('/etc/blot/environment.sh'), ['root:blot-edge 640'])
    t.match(await machine.do('systemctl is-enabled blot-app@8090.service'), 'enabled')
    t.match(await machine.do('systemctl show --property=Listen blot-edge-http.socket'), '127.0.0.1:8000')
    t.match(await machine.do('cat /etc/monit/conf.d/blot-*.conf'), /host 127\.0\.0\.1 port 8000 [^]*port 6380/)
    await machine.do(`sed -i '/^export EDGE_HTTP_PORT/d; /^export EDGE_ADDRESS/d; s/8090/8080/; s/:6380//' /etc/blot/environment.sh
    systemctl --quiet disable blot-app@8090.service
    echo "export EDGE_ISSUER=local" >>/etc/blot/environment.sh
    ${setup}`)
    t.match(await machine.do('cat /etc/monit/conf.d/blot-edge.conf'), /host 127\.0\.0\.1 port 80 /)
  })

  await t.test('in the wrong place it says so, and changes nothing', async (t) => {
    const copied = `rm -rf /srv/wrong; mkdir /srv/wrong; cp -r ${release}/ops /srv/wrong`
    t.match(await machine.run(`${copied}; /srv/wrong/ops/setup/debian.sh`), {
      code: 1,
      stderr: /this release lies in \/srv\/wrong: put it into a folder of \/opt\/blot-edge\/releases/,
    })
    const rows: [string, string, RegExp][] = [
      ['a release that others may write in', `chmod g+w ${release}`, /can be written by others than root: chown/],
      ['another system', 'printf "ID=fedora\\n" >/etc/os-release', /this is fedora: neither Debian nor made from it/],
      [
        'an app that is root',
        "sed -i 's/BLOT_USER=.*/BLOT_USER=root/' /etc/blot/environment.sh",
        /root is root: name an/,
      ],
      ['a folder that is a file', 'rm -rf /cache; touch /cache', /\/cache has to be a folder, and is none/],
      ['a link for the edge’s own', 'rm -rf /cache/.edge; ln -s /etc /cache/.edge', /\/cache\/\.edge is a link/],
    ]
    for (const [name, breaking, stderr] of rows) {
      // What is broken, is broken in a layer that goes again.
      const script = `mkdir -p /srv/layer && mount -t tmpfs tmpfs /srv/layer && mkdir /srv/layer/u /srv/layer/w /srv/layer/m
      mount -t overlay -o lowerdir=/,upperdir=/srv/layer/u,workdir=/srv/layer/w overlay /srv/layer/m
      mount --bind ${modules} /srv/layer/m${modules}; mount --rbind /proc /srv/layer/m/proc
      chroot /srv/layer/m bash -c "$1"`
      const quoted = `${breaking}; ${setup}`.replaceAll("'", `'\\''`)
      t.match(
        await machine.run(`unshare --mount bash -euc '${script.replaceAll("'", `'\\''`)}' bash '${quoted}'`),
        { code: 1, stderr },
        name,
      )
    }
    t.match(await machine.run(`setpriv --reuid=nobody --clear-groups ${setup}`), { code: 1, stderr: /run as root/ })
  })

  await t.test('a swap file is made once, and nothing is taken for one', async (t) => {
    const swap = `${release}/ops/environment/swap --later --size 1M --file /srv/swapfile`
    t.match(await machine.run(`${swap} --check`), { code: 1, stdout: /^would +make \/srv\/swapfile of 1M$/m })
    t.match(await machine.do(swap), /^did +make \/srv\/swapfile of 1M\ndid +add \/srv\/swapfile to \/etc\/fstab$/m)
    t.strictSame(await modes('/srv/swapfile'), ['root:root 600'])
    t.equal(await machine.do('blkid --output value --match-tag TYPE --probe /srv/swapfile'), 'swap\n')
    t.notMatch(await machine.do(swap), /^did/m)
    t.match(await machine.run(`${swap} --check`), { code: 0 })
    t.equal(await machine.do('grep --count "^/srv/swapfile none swap sw 0 0$" /etc/fstab'), '1\n')
    t.match(await machine.run(`${swap} --file /etc/hosts`), {
      code: 1,
      stderr: /\/etc\/hosts is there, and is no swap/,
    })
    t.match(await machine.run(`${swap} --file /srv/other --size 999999G`), {
      code: 1,
      stderr: /too little for 999999G/,
    })
    t.match(await machine.run(`${swap} --size 1T`), { code: 2 })
  })
}
