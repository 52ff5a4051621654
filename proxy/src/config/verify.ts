import { createPrivateKey, X509Certificate } from 'node:crypto'
import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config.ts'
import { codeOf, ConfigInvalid, type ConfigFault } from '../errors.ts'
import type { Mode } from './variables.ts'

/**
 * Asks the machine whether the configuration can be used, before anything is opened; creates nothing.
 * @throws ConfigInvalid with every fault.
 */
export async function verifyConfig(config: Config, mode: Mode): Promise<void> {
  const faults = await findFileFaults(config, mode)
  if (faults.length > 0) throw new ConfigInvalid(faults)
}

/** The same for as much of a configuration as there is. */
export async function findFileFaults(config: Partial<Config>, mode: Mode): Promise<ConfigFault[]> {
  const found = await Promise.all([
    folderFault('EDGE_DATA_DIRECTORY', config.dataDirectory),
    folderFault('EDGE_STORE', config.store?.kind === 'file' ? config.store.directory : undefined),
    folderFault('EDGE_PID_FILE', config.pidFile === undefined ? undefined : dirname(config.pidFile)),
    folderFault('EDGE_ADMIN', config.admin?.kind === 'unix' ? dirname(config.admin.path) : undefined),
    mode === 'run' ? workTreeFault('EDGE_DATA_DIRECTORY', config.dataDirectory) : undefined,
    mode === 'run' && config.store?.kind === 'file' ? workTreeFault('EDGE_STORE', config.store.directory) : undefined,
    wildcardFault(config),
    dhparamsFault(config.dhparamsFile),
    acmeCaFault(config.acmeCaFile),
    dnsModuleFault(config),
  ])
  return found.filter((fault) => fault !== undefined)
}

/** A folder must be writable, or makeable in the nearest one above it that is there. */
async function folderFault(variable: string, folder: string | undefined): Promise<ConfigFault | undefined> {
  if (folder === undefined) return undefined
  const nearest = await nearestExisting(folder)
  try {
    if (!(await stat(nearest)).isDirectory()) return { variable, value: folder, message: `${nearest} is no folder` }
    await access(nearest, constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return { variable, value: folder, message: `this user may not write in ${nearest} (${codeOf(error)})` }
  }
}

async function nearestExisting(path: string): Promise<string> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      await stat(candidate)
      return candidate
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || candidate === dirname(candidate)) return candidate
    }
  }
}

/** `git reset --hard` and `git clean` in a work tree delete what is not committed: every certificate. */
async function workTreeFault(variable: string, folder: string | undefined): Promise<ConfigFault | undefined> {
  if (folder === undefined) return undefined
  const start = await realpath(await nearestExisting(folder)).catch(() => folder)
  for (let above = start; ; above = dirname(above)) {
    if (await exists(join(above, '.git'))) {
      return { variable, value: folder, message: `lies in the git work tree ${above}: choose a folder outside of it` }
    }
    if (above === dirname(above)) return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

async function wildcardFault({ wildcard, host }: Partial<Config>): Promise<ConfigFault | undefined> {
  if (wildcard === undefined) return undefined
  const { certificateFile, keyFile } = wildcard
  const certificate = await readPem(certificateFile, (pem) => new X509Certificate(pem))
  const variable = 'EDGE_WILDCARD_CERTIFICATE'
  if (typeof certificate === 'string') return { variable, value: certificateFile, message: certificate }
  const key = await readPem(keyFile, (pem) => createPrivateKey(pem))
  if (typeof key === 'string') return { variable: 'EDGE_WILDCARD_KEY', value: keyFile, message: key }
  if (!certificate.checkPrivateKey(key)) {
    return { variable: 'EDGE_WILDCARD_KEY', value: keyFile, message: `is not the key of ${certificateFile}` }
  }
  const covers = host === undefined || certificate.checkHost(`any.${host}`) !== undefined
  return covers ? undefined : { variable, value: certificateFile, message: `does not cover *.${host}` }
}

const dhparamsPem = /-----BEGIN DH PARAMETERS-----[\sA-Za-z0-9+/=]+-----END DH PARAMETERS-----/

async function dhparamsFault(file: string | undefined): Promise<ConfigFault | undefined> {
  if (file === undefined) return undefined
  const outcome = await readPem(file, (dhparam) => {
    // Node takes what is no parameters for none, and says nothing; too small ones it refuses.
    if (!dhparamsPem.test(dhparam.toString('latin1'))) throw new TypeError('no DH PARAMETERS')
    return createSecureContext({ dhparam })
  })
  return typeof outcome === 'string' ? { variable: 'EDGE_DHPARAMS', value: file, message: outcome } : undefined
}

async function acmeCaFault(file: string | undefined): Promise<ConfigFault | undefined> {
  if (file === undefined) return undefined
  const outcome = await readPem(file, (pem) => new X509Certificate(pem))
  return typeof outcome === 'string' ? { variable: 'EDGE_ACME_CA', value: file, message: outcome } : undefined
}

/** Found, not run: it is the operator's, and runs where certificates are ordered. */
async function dnsModuleFault({ dnsModule }: Partial<Config>): Promise<ConfigFault | undefined> {
  if (dnsModule === undefined) return undefined
  const { name, directory } = dnsModule
  try {
    createRequire(join(directory, 'package.json')).resolve(name)
    return undefined
  } catch (error) {
    const message = `is not installed in ${directory} or above it (${codeOf(error)}): npm install ${name}`
    return { variable: 'EDGE_DNS_MODULE', value: name, message }
  }
}

/** @returns what `parse` makes of the file, or what is wrong with it. */
async function readPem<Parsed extends object>(file: string, parse: (pem: Buffer) => Parsed): Promise<Parsed | string> {
  try {
    return parse(await readFile(file))
  } catch (error) {
    const isSystemError = error instanceof Error && 'syscall' in error
    return isSystemError ? `cannot be read (${codeOf(error)})` : `is not the PEM file it should be (${codeOf(error)})`
  }
}
