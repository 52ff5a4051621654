import { join } from 'node:path'
import { styleText } from 'node:util'
import type { Config } from '../config.ts'
import type { ListenerInfo } from '../lifecycle/messages.ts'

export type Welcome = {
  config: Config
  listeners: readonly ListenerInfo[]
  /** The port of the app that `dev` started. */
  appPort: number | undefined
  /** The names given by `--host`. */
  hosts: readonly string[]
}

/** What `dev` prints once everything answers: where to go, and how to make browsers trust it. */
export function renderWelcome({ config, listeners, appPort, hosts }: Welcome): string {
  const https = port(listeners, 'https')
  const suffix = https === 443 ? '' : `:${https}`
  const names = hosts.length > 0 ? hosts : [config.host]
  const lines = names.map((name) => `  ${styleText('bold', `https://${name}${suffix}`)}`)
  if (appPort !== undefined) lines.push(`  https://<folder>.${config.host}${suffix}   a site for each folder of blogs`)
  lines.push('', `  plain http at http://${names[0]}:${port(listeners, 'http')}`)
  for (const { url } of config.upstreams)
    lines.push(`  app at ${appPort === undefined ? url : `http://127.0.0.1:${appPort}`}`)
  if (config.admin.kind === 'tcp')
    lines.push(`  dashboard at http://${inUrl(config.admin.address)}:${port(listeners, 'admin')}`)
  return `\n${lines.join('\n')}\n\n${trust(join(config.dataDirectory, 'local-ca/root.pem'))}\n`
}

function trust(root: string): string {
  return styleText(
    'dim',
    `  Browsers warn until they trust this machine's own CA:
    ${root}
    Linux    cp it to /usr/local/share/ca-certificates/blot-edge.crt, then update-ca-certificates
    macOS    sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain <file>
    Chromium and Firefox on Linux: settings, certificates, authorities, import
    curl     --cacert <file>
  Ctrl-C ends.`,
  )
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function port(listeners: readonly ListenerInfo[], name: string): number {
  return listeners.find((listener) => listener.name === name)?.port ?? 0
}
