import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { codeOf } from '../../errors.ts'
import { fail, ok, warn, type Diagnosis } from './diagnosis.ts'
import { statOf, type Machine } from './machine.ts'

const LIMIT_MS = 3000
/** `Date` tells whole seconds, and travels. */
const SKEW_MS = 5000

/** A clock that is wrong makes good certificates invalid. The CA is asked for the time when there is one. */
export async function examineClock(machine: Machine): Promise<Diagnosis[]> {
  const found = [await synchronised(machine)]
  if (machine.config.issuer === 'acme') found.push(await certificateAuthority(machine))
  return found
}

const WHY = 'a certificate is valid from and until: with a wrong clock visitors or the CA refuse what is right'
const MEND = 'timedatectl set-ntp true'

async function synchronised({ system }: Machine): Promise<Diagnosis> {
  if ((await statOf(join(system, '/run/systemd/timesync/synchronized'))) !== undefined) {
    return ok('clock', 'is kept right by systemd-timesyncd')
  }
  const said = await promisify(execFile)('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
    timeout: LIMIT_MS,
  }).catch(() => undefined)
  const word = said?.stdout.trim()
  if (word === 'yes') return ok('clock', 'is synchronised')
  if (word === 'no') return warn('clock', 'is not synchronised', { why: WHY, mend: MEND })
  return warn('clock', 'may be right: this system does not tell whether anything keeps it so', {
    why: WHY,
    mend: 'apt-get install systemd-timesyncd, or chrony',
  })
}

async function certificateAuthority({ config }: Machine): Promise<Diagnosis> {
  const { acmeDirectory, acmeCaFile } = config
  if (acmeDirectory === undefined) return ok('clock', 'was not compared')
  try {
    const ca = acmeCaFile === undefined ? undefined : await readFile(acmeCaFile)
    const theirsMs = await readDate(acmeDirectory, ca)
    const skewMs = Math.abs(Date.now() - theirsMs)
    if (skewMs <= SKEW_MS) return ok(acmeDirectory, 'answers, and has the same time')
    return fail('clock', `differs by ${Math.round(skewMs / 1000)} s from that of ${acmeDirectory}`, {
      why: WHY,
      mend: MEND,
    })
  } catch (error) {
    return fail(acmeDirectory, `does not answer (${codeOf(error)})`, {
      why: 'no certificate can be obtained or renewed',
      mend: `curl -v ${acmeDirectory}`,
    })
  }
}

/** The `Date` of an answer (RFC 9110 6.6.1), ms since the epoch. */
function readDate(url: string, ca: Buffer | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { method: 'HEAD', agent: false, ...(ca && { ca }), timeout: LIMIT_MS }, (response) => {
      response.resume()
      const date = Date.parse(response.headers.date ?? '')
      if (Number.isNaN(date)) reject(new Error('an answer without a date'))
      else resolve(date)
    })
    asking.on('timeout', () => asking.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    asking.on('error', reject)
    asking.end()
  })
}
