import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, warn, type Diagnosis } from './diagnosis.ts'
import { readSystem, statOf, type Machine } from './machine.ts'

/** Who starts the edge at boot, and who notices when it does not answer? */
export async function examineSupervision(machine: Machine): Promise<Diagnosis[]> {
  if (machine.mode === 'dev') return []
  return [await boot(machine), await watch(machine)]
}

async function boot(machine: Machine): Promise<Diagnosis> {
  const { system } = machine
  const has = async (path: string): Promise<boolean> => (await statOf(join(system, path))) !== undefined
  if (await has('/etc/init/edge.conf')) return ok('start at boot', 'by Upstart: /etc/init/edge.conf')
  const why = 'after a power cut nobody answers for any site'
  const mend = 'ops/setup/debian.sh'
  const unit = 'blot-edge.service'
  const isThere = (await has(`/etc/systemd/system/${unit}`)) || (await has(`/lib/systemd/system/${unit}`))
  if (!isThere) return warn('start at boot', 'neither a systemd unit nor an Upstart job is there', { why, mend })
  for (const wants of ['multi-user.target.wants/blot-edge.service', 'sockets.target.wants/blot-edge.socket']) {
    if (await has(`/etc/systemd/system/${wants}`)) return ok('start at boot', `by systemd: ${unit}`)
  }
  return warn('start at boot', `${unit} is there and not enabled`, { why, mend: `systemctl enable ${unit}` })
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
    mend: 'ops/setup/debian.sh, or copy ops/monit to /etc/monit/conf.d',
  })
}
