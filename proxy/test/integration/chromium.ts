import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import type { Test } from 'tap'
import type { RunningEdge } from './edge.ts'

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A browser whose user trusts the local CA, by the store that Chromium reads on Linux. */
export async function startTrustingBrowser(t: Test, { directory }: Pick<RunningEdge, 'directory'>): Promise<Browser> {
  const home = join(directory, 'home')
  const store = join(home, '.pki/nssdb')
  mkdirSync(store, { recursive: true })
  const root = join(directory, 'edge/local-ca/root.pem')
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password'])
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'blot-edge', '-i', root])
  const env = { ...process.env, HOME: home }
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: CHROMIUM_ARGS, env })
  t.teardown(() => browser.close())
  return browser
}
