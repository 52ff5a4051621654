import type { Inspection, Mode } from '../../config.ts'
import { findFileFaults } from '../../config/verify.ts'
import { findOut } from '../find-out.ts'
import { fail, ok, type Diagnosis, type Trouble } from './diagnosis.ts'

/** What `check` finds: faults of the configuration, and whether ports, store, app and user are there. */
export async function examineConfiguration(inspection: Inspection, mode: Mode): Promise<Diagnosis[]> {
  const faults = [...inspection.faults, ...(await findFileFaults(inspection.config, mode))]
  const found = await findOut(inspection, mode)
  const configuration =
    faults.length === 0
      ? [ok('configuration', 'has no fault')]
      : faults.map(({ variable, value, message }) => {
          const mend = 'blot-edge check shows each variable and where it comes from'
          return fail([variable, value].filter(Boolean).join(' '), message, { why: 'the edge does not start', mend })
        })
  const outside = found.map(({ ok: isOk, variable, value, message }) =>
    isOk ? ok(`${variable} ${value}`, message) : fail(`${variable} ${value}`, message, troubleOf(variable)),
  )
  return [...configuration, ...outside]
}

function troubleOf(variable: string): Trouble {
  return TROUBLES[variable] ?? {}
}

const PORT: Trouble = {
  why: 'the edge does not start',
  mend: 'ss -ltnp says who holds it; systemctl stop that, or: blot-edge check',
}
const TROUBLES: Readonly<Record<string, Trouble>> = {
  EDGE_HTTP_PORT: PORT,
  EDGE_HTTPS_PORT: PORT,
  EDGE_ADMIN: PORT,
  EDGE_STORE: {
    why: 'no new name gets a certificate, and purges reach this machine alone',
    mend: 'systemctl start redis-server; tail /var/log/redis/redis-server.log',
  },
  EDGE_UPSTREAMS: {
    why: 'visitors get what is cached, and the offline page for everything else',
    mend: "systemctl status 'blot-app@*'; tail /var/log/blot/app.log; /opt/blot-edge/current/ops/deploy/reboot app",
  },
  EDGE_USER: { why: 'the edge does not start', mend: '/opt/blot-edge/current/ops/setup/debian.sh makes it' },
  'core dumps': {
    why: 'a dump holds the private keys of all sites',
    mend: 'systemctl restart blot-edge: the unit of ops/setup/debian.sh has LimitCORE=0',
  },
}
