import { findFreePort, launch } from './launch.ts'
import { writeConfiguration, type Proxy, type ProxyName, type ProxyOptions } from './proxy.ts'

type Peer = Exclude<ProxyName, 'edge'>
type Program = {
  readonly file: string
  /** @param file the configuration, in `directory`. */
  args(file: string, directory: string): string[]
}

const PROGRAMS: Record<Peer, Program> = {
  nginx: {
    file: 'nginx.conf',
    // The last one: before it has read its configuration, it would log to /var/log.
    args: (file, directory) => ['-p', directory, '-c', file, '-e', 'stderr'],
  },
  caddy: { file: 'Caddyfile', args: (file) => ['run', '--config', file, '--adapter', 'caddyfile'] },
  haproxy: { file: 'haproxy.cfg', args: (file) => ['-db', '-f', file] },
}

/** Starts a proxy of Debian's with our configuration of it. */
export async function startPeer(name: Peer, { directory, ...values }: ProxyOptions): Promise<Proxy> {
  const [http, https, secure] = await Promise.all([findFreePort(), findFreePort(), findFreePort()])
  const { file, args } = PROGRAMS[name]
  const path = writeConfiguration(file, directory, { ...values, http, https, secure })
  const stop = await launch({
    command: name,
    args: args(path, directory),
    // Caddy keeps its own state where these say.
    environment: { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
    ports: [http, secure],
  })
  return { name, http, https, secure, stop }
}
