import t from 'tap'
import { parseSockets } from '../../src/commands/socket-unit.ts'

// What systemctl of systemd 252 prints; against a real systemd: proxy/test/ops/machine.test.ts.
await t.test('which unit systemd holds a port for', (t) => {
  const text = `/run/dbus/system_bus_socket dbus.socket dbus.service
0.0.0.0:8080 other.socket other.service
[::]:443 blot-edge-https.socket blot-edge.service
kobject-uevent 1 systemd-udevd-kernel.socket systemd-udevd.service

2 sockets listed.
`
  t.strictSame(parseSockets(text), [
    { port: 8080, unit: 'other.socket', activates: 'other.service' },
    { port: 443, unit: 'blot-edge-https.socket', activates: 'blot-edge.service' },
  ])
  t.end()
})
