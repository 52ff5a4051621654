import { join } from 'node:path'
import type { Config } from '../config.ts'
import { bracket } from '../config/bracket.ts'
import { ReloadRefused } from '../errors.ts'
import type { ListenerInfo } from '../lifecycle/messages.ts'
import { startApp, type AppProcess } from './app-process.ts'
import type { Command, CommandContext } from './command.ts'
import { devOptions, flagsOf, toArgs } from './dev-flags.ts'
import { renderWelcome } from './welcome.ts'
import { serve } from './serve.ts'

export const dev: Command = {
  name: 'dev',
  summary: 'the edge and the Blot app on this machine, or a local HTTPS proxy in front of any app',
  usage: '[--upstream URL] [--host NAME]…',
  help: `Without options it starts the Blot app with the blogs of BLOT_BLOGS_DIRECTORY, and the edge in front of it.
With --upstream it is a local HTTPS proxy in front of your own app:
  blot-edge dev --upstream http://localhost:3000 --host app.localhost
Certificates come from a CA of this machine's own; the way to trust it is printed at start.

  --upstream URL  the app, which is yours to start
  --host NAME     a name that leads to it, more than once; localhost always does

It listens on 127.0.0.1, HTTPS on port 8443, HTTP on 8000: EDGE_ADDRESS, EDGE_HTTPS_PORT and EDGE_HTTP_PORT say otherwise.
"blot-edge check --mode dev" shows all of the configuration.`,
  options: devOptions,
  async run(context) {
    const flags = flagsOf(context.values)
    const { config } = await context.resolve('dev', flags)
    let app: AppProcess | undefined
    let appPort: number | undefined
    // The first start after `npm ci` takes seconds, and has nothing to say before it is over.
    if (context.stdout.isTTY) context.stdout.write('Starting …\n')
    return serve(context, {
      config,
      args: ['--mode=dev', ...toArgs(flags)],
      // Who closes the terminal wants it to end.
      reloadsOnHangup: false,
      succeedBy() {
        throw new ReloadRefused('"dev" has the app beside it: stop it and start it again')
      },
      adapt: (read) => (appPort === undefined || read.appPort !== 0 ? read : withAppPort(read, appPort)),
      async beforeChildren(listeners, log) {
        if (flags.upstream !== undefined) return config
        app = startApp({
          main: join(context.root, 'blot-app/src/main.ts'),
          environment: appEnvironment(context, config, listeners),
          onEnd: (how) => log.warn({ how }, 'the app ended and is started again'),
        })
        // With a port that is known, edge and app start side by side.
        return config.appPort === 0 ? withAppPort(config, await app.listening) : config
      },
      async beforeRunning() {
        appPort = await app?.listening
      },
      onRunning: (listeners) =>
        context.stdout.write(renderWelcome({ config, listeners, appPort, hosts: flags.hosts ?? [] })),
      onStopped: async () => app?.stop(),
    })
  },
}

/** What the app needs to know of the edge: the same folders, and where to purge. */
function appEnvironment(
  { environment }: CommandContext,
  config: Config,
  listeners: readonly ListenerInfo[],
): Record<string, string | undefined> {
  const http = listeners.find(({ name }) => name === 'http')
  return {
    // The edge's secrets are none of the app's business.
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('EDGE_'))),
    BLOT_HOST: config.host,
    BLOT_PORT: String(config.appPort),
    BLOT_PROTOCOL: 'https',
    BLOT_CACHE: String(config.pageFiles),
    BLOT_CACHE_DIRECTORY: config.cacheDirectory,
    BLOT_DATA_DIRECTORY: config.appDataDirectory,
    ...adminOf(config),
    BLOT_REVERSE_PROXY_URLS:
      environment['BLOT_REVERSE_PROXY_URLS'] ?? `http://127.0.0.1:${http?.port ?? config.httpPort}`,
  }
}

/** Where the app has certificates made for domains that are new, where that is known by now. */
function adminOf({ admin, adminToken }: Config): Record<string, string | undefined> {
  if (admin.kind !== 'tcp' || admin.port === 0) return {}
  return {
    BLOT_EDGE_ADMIN_URL: `http://${bracket(admin.address)}:${admin.port}`,
    BLOT_EDGE_ADMIN_TOKEN: adminToken,
  }
}

/** With BLOT_PORT=0 the app chose its port; everything that named port 0 means that one. */
function withAppPort(config: Config, port: number): Config {
  const renamed = (url: string): string => url.replace('http://127.0.0.1:0', `http://127.0.0.1:${port}`)
  const { permission } = config
  return {
    ...config,
    appPort: port,
    upstreams: config.upstreams.map((upstream) => ({ ...upstream, url: renamed(upstream.url) })),
    permission: permission.kind === 'http' ? { kind: 'http', url: renamed(permission.url) } : permission,
  }
}
