import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto, X509Certificate } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { LocalRootInvalid } from '../../errors.ts'
import { hasCode, readIfThere, syncFolder, writeWhole } from '../whole-file.ts'
import { BACKDATE_MS, P256, SHA256, randomSerial } from './leaf.ts'
import { loadX509 } from './x509.ts'

export type LocalRoot = {
  readonly certificatePem: string
  readonly certificateFile: string
  readonly privateKeyPem: string
  readonly notAfterMs: number
}

const CERTIFICATE = 'root.pem'
const KEY = 'root-key.pem'
const MAX_BYTES = 64 * 1024
const LIFETIME_MS = 10 * 365 * 24 * 3600_000

/**
 * The root in `folder`, made when there is none. Certificate and key appear together by the renaming of their folder, so
 * that of several processes that start at once one makes the root and all get that one.
 */
export async function openLocalRoot(folder: string, nowMs: number): Promise<LocalRoot> {
  const kept = await readRoot(folder, nowMs)
  if (kept !== undefined) return kept
  await makeRoot(folder, nowMs)
  const made = await readRoot(folder, nowMs)
  if (made === undefined) throw new LocalRootInvalid(folder, `${CERTIFICATE} is missing`)
  return made
}

async function readRoot(folder: string, nowMs: number): Promise<LocalRoot | undefined> {
  const certificateFile = join(folder, CERTIFICATE)
  const certificatePem = await readIfThere(certificateFile, MAX_BYTES)
  if (certificatePem === undefined) return undefined
  const privateKeyPem = await readIfThere(join(folder, KEY), MAX_BYTES)
  if (privateKeyPem === undefined) throw new LocalRootInvalid(folder, `${KEY} is missing`)
  const certificate = parse(folder, certificatePem, privateKeyPem)
  if (certificate.validToDate.getTime() <= nowMs) throw new LocalRootInvalid(folder, 'it has expired')
  return { certificatePem, certificateFile, privateKeyPem, notAfterMs: certificate.validToDate.getTime() }
}

function parse(folder: string, certificatePem: string, privateKeyPem: string): X509Certificate {
  let matches: boolean
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(certificatePem)
    matches = certificate.ca && certificate.checkPrivateKey(createPrivateKey(privateKeyPem))
  } catch {
    // Without the cause: no part of the key may reach a log.
    throw new LocalRootInvalid(folder, `${CERTIFICATE} or ${KEY} does not parse`)
  }
  if (!matches) throw new LocalRootInvalid(folder, `${KEY} is not the key of a CA in ${CERTIFICATE}`)
  return certificate
}

async function makeRoot(folder: string, nowMs: number): Promise<void> {
  const root = await generateRoot(nowMs)
  const parent = dirname(folder)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const unfinished = `${folder}.new-${randomBytes(8).toString('hex')}`
  await mkdir(unfinished, { mode: 0o700 })
  try {
    await writeWhole(join(unfinished, KEY), root.privateKeyPem, 0o600)
    await writeWhole(join(unfinished, CERTIFICATE), root.certificatePem, 0o644)
    await rename(unfinished, folder)
    await syncFolder(parent)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    // A folder replaces an empty one only: another process was first.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
  }
}

async function generateRoot(nowMs: number): Promise<{ certificatePem: string; privateKeyPem: string }> {
  const x509 = await loadX509()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const verifyingKey = publicKey.toCryptoKey(P256, true, ['verify'])
  const machine = hostname().replaceAll(/[^\w.-]/g, '')
  const name = new x509.Name([{ CN: [{ utf8String: `blot-edge local CA (${machine})`.slice(0, 64) }] }])
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerial(),
      subject: name,
      issuer: name,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + LIFETIME_MS),
      publicKey: verifyingKey,
      signingKey: privateKey.toCryptoKey(P256, false, ['sign']),
      signingAlgorithm: SHA256,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(verifyingKey, false, webcrypto),
      ],
    },
    webcrypto,
  )
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem }
}
