import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateInvalid, StoreUnavailable, codeOf } from '../errors.ts'
import { isVaultName } from '../certificates/names.ts'
import { certificateFromPem } from '../certificates/verify.ts'
import { openFileLocker } from './file-locker.ts'
import { parseObject } from './parse-object.ts'
import { createSealer } from './seal.ts'
import { damaged, labelOf, openRecord } from './sealed-record.ts'
import { UNFINISHED, readIfThere, removeIfThere, syncFolder, writeWhole } from '../certificates/whole-file.ts'
import type { StoredCertificate, Vault } from '../certificates/contracts.ts'
import type { Sealer } from './seal.ts'

const MAX_BYTES = 512 * 1024
const SUFFIX = '.json'
/** File systems take 255 bytes for a name. */
const MAX_STEM = 240
/** An unfinished file of that age belongs to nobody any more. */
const ABANDONED_MS = 3600_000
/** How long a write waits for others that write. */
const WRITE_MS = 2_000

/** Certificates as files, one JSON file each, in a folder that only its owner reads. */
export async function openFileVault(folder: string, sealer: Sealer = createSealer()): Promise<Vault> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  await removeAbandoned(folder)
  // Writers take turns, and are no holders of other locks' files: who holds the lock of a name may write it.
  const writers = await openFileLocker(join(folder, '.writers'))

  async function whileWriting(name: string, work: () => Promise<void>): Promise<void> {
    const lock = await writers.acquire(name, AbortSignal.timeout(WRITE_MS))
    try {
      await work()
    } finally {
      await lock.release()
    }
  }

  /** In the background of a read: where it fails, or somebody was quicker, the next read sees to it. */
  async function reseal(certificate: StoredCertificate, text: string): Promise<void> {
    const file = fileOf(folder, certificate.name)
    const replace = async (): Promise<void> => {
      if ((await readIfThere(file, MAX_BYTES)) === text)
        await writeWhole(file, formatRecord(certificate, sealer), 0o600)
    }
    await whileWriting(certificate.name, replace).catch(() => {})
  }

  return {
    async read(name) {
      const text = await reach(name, () => readIfThere(fileOf(folder, name), MAX_BYTES))
      if (text === undefined) return undefined
      const { chainPem, privateKeyPem: privateKey, issuer } = parseObject(text) ?? {}
      const { certificate, isOutdated } = openRecord({ name, chainPem, privateKey, issuer }, sealer)
      if (isOutdated) void reseal(certificate, text)
      return certificate
    },
    async write(certificate) {
      const checked = certificateFromPem(certificate)
      const { name } = checked
      await reach(name, () =>
        whileWriting(name, () => writeWhole(fileOf(folder, name), formatRecord(checked, sealer), 0o600)),
      )
    },
    async remove(name) {
      await reach(name, async () => {
        if (await removeIfThere(fileOf(folder, name))) await syncFolder(folder)
      })
    },
    async *names() {
      const files = await reach(folder, () => readdir(folder))
      for (const file of files) {
        if (file.startsWith('.') || !file.endsWith(SUFFIX)) continue
        const name = await nameOf(folder, file)
        if (name !== undefined) yield name
      }
    },
    close: async () => {},
  }
}

/**
 * The file of a name: the name itself, with `+` for the `*` of a wildcard; its hash where the name is too long for a
 * file system. A hash has 64 digits and no dot, and so is nobody's name.
 */
function fileOf(folder: string, name: string): string {
  if (!isVaultName(name)) throw new CertificateInvalid(JSON.stringify(name.slice(0, 64)), 'not a name')
  const stem = name.length > MAX_STEM ? createHash('sha256').update(name).digest('hex') : name.replace('*', '+')
  return join(folder, stem + SUFFIX)
}

/** @returns undefined for a file that is none of ours. */
async function nameOf(folder: string, file: string): Promise<string | undefined> {
  const stem = file.slice(0, -SUFFIX.length)
  const name = stem.replace('+', '*')
  if (isVaultName(name)) return name
  if (!/^[0-9a-f]{64}$/.test(stem)) return undefined
  const text = await reach(stem, () => readIfThere(join(folder, file), MAX_BYTES))
  const recorded = text === undefined ? undefined : parseObject(text)?.name
  return typeof recorded === 'string' ? recorded : undefined
}

function formatRecord({ name, chainPem, privateKeyPem, issuer }: StoredCertificate, sealer: Sealer): string {
  return JSON.stringify({ name, chainPem, privateKeyPem: sealer.seal(privateKeyPem, labelOf(name)), issuer })
}

async function reach<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged(name, cause)
    if (cause instanceof CertificateInvalid || cause instanceof StoreUnavailable) throw cause
    throw new StoreUnavailable(codeOf(cause), { cause })
  }
}

/** Removes what a killed process left half-written. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const file of await readdir(folder)) {
    if (!file.startsWith(UNFINISHED)) continue
    const path = join(folder, file)
    // Another process may finish or remove it at this very moment.
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > ABANDONED_MS) await rm(path, { force: true })
  }
}
