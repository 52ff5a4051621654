import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, warn, type Diagnosis } from './diagnosis.ts'
import { lstatOf, readSystem, statOf, type Machine } from './machine.ts'

/** Who starts the edge at boot, and who notices when it does not answer? */
export async function examineSupervision(machine: Machine): Promise<Diagnosis[]> {
  if (machine.mode === 'dev') return []
  return [await boot(machine), await watch(machine), await release(machine)]
}

const SETUP = '/opt/blot-edge/current/ops/setup/debian.sh'

/** What ops/deploy/deploy leaves when it is killed. */
async function release({ system }: Machine): Promise<Diagnosis> {
  const unfinished = join(system, '/opt/blot-edge/unfinished')
  if ((await lstatOf(unfinished)) === undefined) return ok('deploy', 'none was cut off')
  return warn('deploy', 'one is at work, or was cut off', {
    why: 'the link, the app and the edge may be of different releases, and nobody has compared what visitors see',
    mend: '/opt/blot-edge/current/ops/deploy/deploy --recover',
  })
}

async function boot(machine: Machine): Promise<Diagnosis> {
  const { system } = machine
  const has = async (path: string): Promise<boolean> => (await statOf(join(system, path))) !== undefined
  if (await has('/etc/init/edge.conf')) return ok('start at boot', 'by Upstart: /etc/init/edge.conf')
  const why = 'after a power cut nobody answers for any site'
  const mend = SETUP
  const unit = 'blot-edge.service'
  const isThere = (await has(`/etc/systemd/system/${unit}`)) || (await has(`/lib/systemd/system/${unit}`))
  if (!isThere) return warn('start at boot', 'neither a systemd unit nor an Upstart job is there', { why, mend })
  if (await has(`/etc/systemd/system/multi-user.target.wants/${unit}`))
    return ok('start at boot', `by systemd: ${unit}`)
  const sockets = 'blot-edge-http.socket blot-edge-https.socket'
  return warn('start at boot', `${unit} is there and not enabled`, { why, mend: `systemctl enable ${unit} ${sockets}` })
}

async function watch(machine: Machine): Promise<Diagnosis> {
  const folders = ['/etc/monit/conf-enabled', '/etc/monit/conf.d', '/etc/monit.d']
  for (const folder of folders) {
    const names = await readdir(join(machine.system, folder)).catch(() => [])
    for (const name of names) {
      const text = await readSystem(machine, join(folder, name))
      if (text !== undefined && /^\s*check\s+(process|host)\s+"?(blot-)?edge/im.test(text)) {
        return ok('watched', `by Monit: ${join(folder, name)}`)
      }
    }
  }
  return warn('watched', 'Monit does not watch the edge', {
    why: 'a program that lives and does not answer is noticed by visitors first',
    mend: `${SETUP}; systemctl restart monit`,
  })
}
