import { chmod, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf } from '../../errors.ts'
import { fail, ok, quote, warn, type Diagnosis } from './diagnosis.ts'
import { blotDirectory, modeOf, statOf, type Machine } from './machine.ts'

/** What a move of the machine forgets: `environment.sh`, `flags.json`, `dhparams.pem`, the secrets. */
export async function examineEnvironment(machine: Machine): Promise<Diagnosis[]> {
  return [await environmentFile(machine), await flags(machine), ...(await secrets(machine))]
}

async function environmentFile({ environmentFile: path, mode }: Machine): Promise<Diagnosis> {
  const found = await statOf(path)
  if (found === undefined) {
    if (mode === 'dev') return ok(path, 'is not there, and not needed by dev')
    return warn(path, 'is not there', {
      why: 'the edge at boot, Monit and your own shell would each have a configuration of their own',
      mend: '/opt/blot-edge/current/ops/setup/debian.sh --host NAME --email ADDRESS writes one to fill in',
    })
  }
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    return fail(path, `cannot be read (${codeOf(error)})`, {
      why: 'edge and app start without their configuration, or not at all',
      mend: `run doctor as root; or: chmod 0640 ${quote(path)}`,
    })
  }
  const isSecret = /^[ \t]*(?:export[ \t]+)?\w*(?:TOKEN|SECRET|PASSWORD|KEY|HMAC)\w*=./m.test(text)
  if (!isSecret || (found.mode & 0o004) === 0) return ok(path, 'is there')
  return fail(path, `holds secrets and can be read by everybody (${modeOf(found)})`, {
    why: 'every program of this machine can purge, upload, or decrypt keys',
    mend: `chmod o-rwx ${quote(path)}`,
    fix: () => chmod(path, found.mode & 0o7770),
  })
}

/** Blot's own switches: what they say and what the environment says must be the same. */
async function flags(machine: Machine): Promise<Diagnosis> {
  const path = join(blotDirectory(machine), 'config/flags.json')
  let given: Readonly<Record<string, unknown>>
  try {
    given = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
  } catch (error) {
    if (error instanceof SyntaxError) return fail(path, 'is no JSON', { why: NEEDED, mend: `edit ${quote(path)}` })
    if (codeOf(error) !== 'ENOENT') return warn(path, `cannot be read (${codeOf(error)})`, { why: NEEDED })
    const isBlotHere = (await statOf(join(blotDirectory(machine), 'config'))) !== undefined
    if (!isBlotHere) return ok(path, 'is not needed: Blot with its own config folder is not on this machine')
    return fail(path, 'is missing', { why: NEEDED, mend: `echo '${EXAMPLE}' > ${quote(path)}` })
  }
  const differing = Object.entries(SWITCHES).filter(([flag, variable]) => {
    const text = machine.text(variable)
    return text !== undefined && flag in given && String(given[flag]) !== text
  })
  if (differing.length === 0) return ok(path, 'is there')
  const what = differing.map(([flag, name]) => `${flag} is ${String(given[flag])}, ${name} ${machine.text(name)}`)
  return warn(path, `says otherwise than the environment: ${what.join('; ')}`, {
    why: 'app and edge disagree about who keeps pages, or whether there is maintenance',
    mend: `make ${quote(path)} and ${machine.environmentFile} say the same`,
  })
}

const NEEDED = 'Blot reads it at its start'
const EXAMPLE = '{"production": true, "maintenance": false, "cache": true, "debug": false}'
const SWITCHES = { cache: 'BLOT_CACHE', maintenance: 'BLOT_MAINTENANCE', debug: 'BLOT_DEBUG' } as const

async function secrets(machine: Machine): Promise<Diagnosis[]> {
  const folder = join(blotDirectory(machine), 'config/secrets')
  const found = await statOf(folder)
  const dhparams = dhparamsOf(machine, found !== undefined)
  if (found === undefined && (await statOf(dirname(folder))) !== undefined) {
    return [warn(folder, 'is missing', { why: FORGOTTEN, mend: 'bring it from the machine of before' }), await dhparams]
  }
  if (found === undefined) return [await dhparams]
  const names = await readdir(folder).catch(() => [])
  const open: string[] = []
  for (const name of names) {
    const file = await statOf(join(folder, name))
    if (file !== undefined && (file.mode & 0o004) !== 0 && (found.mode & 0o001) !== 0) open.push(name)
  }
  if (names.length === 0) {
    const trouble = { why: FORGOTTEN, mend: `ls -l ${quote(folder)}; bring what is missing from the machine of before` }
    return [warn(folder, 'is empty, or may not be listed', trouble), await dhparams]
  }
  if (open.length === 0) return [ok(folder, `holds ${names.length} files, none for everybody`), await dhparams]
  const closed = fail(folder, `can be read by everybody: ${open.slice(0, 5).join(', ')}`, {
    why: 'every program of this machine has the keys of Dropbox, mail and payment',
    mend: `chmod -R o-rwx ${quote(folder)}`,
    fix: () => chmod(folder, found.mode & 0o7770),
  })
  return [closed, await dhparams]
}

const FORGOTTEN = 'keys of Dropbox, mail and payment are forgotten in a move: the app starts, and those do not work'

async function dhparamsOf({ config, ...machine }: Machine, hasSecrets: boolean): Promise<Diagnosis> {
  const file = config.dhparamsFile
  // What is wrong with a file that is named is a fault of the configuration.
  if (file !== undefined) return ok(file, 'is named by EDGE_DHPARAMS')
  const usual = join(blotDirectory({ config, ...machine }), 'config/secrets/dhparams.pem')
  if (hasSecrets && (await statOf(usual)) === undefined) {
    return ok(usual, 'is not there: NGINX needed it, the edge does not')
  }
  return ok('dhparams.pem', 'is not named, and not needed: TLS brings groups of its own')
}
