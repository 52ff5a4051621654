import { randomBytes } from 'node:crypto'
import { link, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hasCode, readIfThere, writeWhole } from '../certificates/whole-file.ts'
import type { StoredCertificate, VaultReader } from '../certificates/contracts.ts'
import type { Config } from '../config.ts'
import { edgeChannel } from '../events.ts'
import { openFileVault } from './file-vault.ts'
import { createSealer } from './seal.ts'

/** What this machine can still read while the store is away: what it served, which was permitted when it was copied. */
export type Copies = VaultReader & {
  /** Returns at once: the writing follows in the background, and never fails. */
  keep(certificate: StoredCertificate): void
  /** The name is permitted no more, or its certificate was removed. */
  drop(name: string): void
}

export type CopyLimits = { readonly count: number; readonly ageMs: number; readonly queue: number }

/** Older copies are of names that nobody asks for any more: what is served is copied anew when it was renewed. */
const LIMITS: CopyLimits = { count: 10_000, ageMs: 90 * 24 * 3600_000, queue: 1_000 }
/** After so many new copies the folder is tidied up. */
const TIDY_EVERY = 250

/**
 * Opens the folder `copies` of this machine. Private keys in it are sealed: with EDGE_STORE_KEY, else with a key of this
 * machine, which lies beside the folder. Rejects with the error of the file system.
 */
export async function openCopies(
  config: Pick<Config, 'dataDirectory'> & Partial<Pick<Config, 'storeKey' | 'storeKeyOld'>>,
  limits: CopyLimits = LIMITS,
): Promise<Copies> {
  const folder = join(config.dataDirectory, 'copies')
  const key = config.storeKey ?? (await readMachineKey(join(config.dataDirectory, 'copies.key')))
  const vault = await openFileVault(folder, createSealer({ key, formerKey: config.storeKeyOld }))
  /** The newest wish for each name: a certificate to keep, or undefined for a copy to drop. */
  const wishes = new Map<string, StoredCertificate | undefined>()
  let working = false
  let kept = 0

  async function fulfil(name: string, certificate: StoredCertificate | undefined): Promise<void> {
    if (certificate === undefined) return vault.remove(name)
    const copy = await vault.read(name).catch(() => undefined)
    if (copy?.chainPem === certificate.chainPem && copy.privateKeyPem === certificate.privateKeyPem) return
    await vault.write(certificate)
    kept += 1
    if (kept % TIDY_EVERY === 0) await tidy(folder, limits)
  }

  async function work(): Promise<void> {
    if (working) return
    working = true
    for (const [name, certificate] of wishes) {
      wishes.delete(name)
      try {
        await fulfil(name, certificate)
      } catch (error) {
        edgeChannel('fault').publish({ area: 'store', message: 'certificate was not copied', error, name })
      }
    }
    working = false
  }

  function wish(name: string, certificate: StoredCertificate | undefined): void {
    // Who is not copied now is copied the next time that it is read.
    if (wishes.size >= limits.queue && !wishes.has(name)) return
    wishes.set(name, certificate)
    void work()
  }

  // An edge that starts does not wait for it.
  tidy(folder, limits).catch(publishUntidy)
  return {
    read: (name) => vault.read(name),
    keep: (certificate) => wish(certificate.name, certificate),
    drop: (name) => wish(name, undefined),
  }
}

function publishUntidy(error: unknown): void {
  edgeChannel('fault').publish({ area: 'store', message: 'old copies were not removed', error })
}

/** The key of this machine: 32 bytes, base64, made once. Processes that make it at the same time agree on one. */
async function readMachineKey(file: string): Promise<string> {
  const found = await readIfThere(file, 1024)
  if (found !== undefined) return found.trim()
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const mine = `${file}.${randomBytes(8).toString('hex')}`
  try {
    await writeWhole(mine, randomBytes(32).toString('base64'), 0o600)
    await link(mine, file)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(mine, { force: true })
  }
  return readMachineKey(file)
}

/** Removes the copies that are too old, and the oldest ones of too many. */
async function tidy(folder: string, { count, ageMs }: CopyLimits): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
  const dated: { path: string; atMs: number }[] = []
  for (const file of files) {
    const path = join(folder, file)
    // Another worker may tidy up at this very moment.
    const entry = await stat(path).catch(() => undefined)
    if (entry !== undefined) dated.push({ path, atMs: entry.mtimeMs })
  }
  const newestFirst = dated.toSorted((one, other) => other.atMs - one.atMs)
  const oldestMs = Date.now() - ageMs
  const over = newestFirst.filter(({ atMs }, index) => index >= count || atMs < oldestMs)
  for (const { path } of over) await rm(path, { force: true })
}
