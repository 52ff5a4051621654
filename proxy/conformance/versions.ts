import { spawnSync } from 'node:child_process'
import type { ProxyName } from './proxies/proxy.ts'

const ASK: Record<Exclude<ProxyName, 'edge'> | 'varnishd', readonly string[]> = {
  nginx: ['-v'],
  caddy: ['version'],
  haproxy: ['-v'],
  varnishd: ['-V'],
}

/** `nginx 1.22.1`; the edge is the one of this checkout. */
export function withVersion(name: 'edge' | keyof typeof ASK): string {
  if (name === 'edge') return name
  const { stdout, stderr } = spawnSync(name, ASK[name], { encoding: 'utf8' })
  return `${name} ${/\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? ''}`.trim()
}
