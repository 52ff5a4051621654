import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeLeaf } from '../src/certificates/issuers/leaf.ts'
import { certificateFromPem } from '../src/certificates/verify.ts'
import { openFileVault } from '../src/store/file-vault.ts'
import { handOver } from './machine/owner.ts'

/** The name that visitor `index` asks for; all are of one length. */
export function nameAt(index: number): string {
  return `www${String(index).padStart(5, '0')}.names.test`
}

const DAY_MS = 24 * 3600_000
/** Files that are written at the same time: each waits for the disk. */
const COPYING = 32

/**
 * Makes a folder of PEM files, certificate and key in one: `bench.test.pem` for the benchmark's own hosts, and one for each
 * name. All are P-256 and signed by one CA; the chain is the leaf alone, for every server.
 */
export async function makeCertificates(folder: string, names: number): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const caKeyPem = newKeyPem()
  const leafKeyPem = newKeyPem()
  const caPem = await makeLeaf({ ...validity(), names: ['ca.test'], privateKeyPem: caKeyPem, signer: undefined })
  const signer = { certificatePem: caPem, key: createPrivateKey(caKeyPem) }
  const make = (...of: string[]) => makeLeaf({ ...validity(), names: of, privateKeyPem: leafKeyPem, signer })
  const keep = (file: string, certificatePem: string): void =>
    writeFileSync(join(folder, `${file}.pem`), certificatePem + leafKeyPem, { mode: 0o600 })

  keep('bench.test', await make('bench.test', '*.bench.test'))
  const template = new X509Certificate(await make(nameAt(0)))
  for (let index = 0; index < names; index++) keep(nameAt(index), rename(template, nameAt(index), signer.key))
  handOver(folder)
  return folder
}

/** Puts the certificates of these names into a vault of the edge, as another machine would have left them there. */
export async function copyToVault(folder: string, vaultFolder: string, names: readonly string[]): Promise<void> {
  const vault = await openFileVault(vaultFolder)
  const waiting = names.values()
  async function copy(): Promise<void> {
    for (const name of waiting) {
      const pem = readFileSync(join(folder, `${name}.pem`), 'utf8')
      const [chainPem = '', privateKeyPem = ''] = pem.split(/(?=-----BEGIN PRIVATE KEY-----)/)
      await vault.write(certificateFromPem({ name, chainPem, privateKeyPem, issuer: undefined }))
    }
  }
  await Promise.all(Array.from({ length: COPYING }, copy))
  await vault.close()
}

function validity(): { nowMs: number; notAfterMs: number } {
  return { nowMs: Date.now(), notAfterMs: Date.now() + 30 * DAY_MS }
}

function newKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' })
}

/** The same certificate for another name of the same length, signed anew: a hundred times faster than a whole new one. */
function rename(template: X509Certificate, name: string, key: KeyObject): string {
  // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING } (RFC 5280 4.1)
  const [tbs, algorithm] = elementsOf(contentOf(template.raw))
  if (tbs === undefined || algorithm === undefined) throw new Error('the template is no certificate')
  const serial = Buffer.from(template.serialNumber, 'hex')
  const body = replaceAll(tbs, Buffer.from(nameAt(0)), Buffer.from(name))
  const unique = Buffer.concat([serial.subarray(0, 1), randomBytes(serial.length - 1)])
  const signed = replaceAll(body, serial, unique)
  const signature = element(0x03, Buffer.concat([Buffer.of(0), sign('sha256', signed, key)]))
  return new X509Certificate(element(0x30, Buffer.concat([signed, algorithm, signature]))).toString()
}

function replaceAll(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  for (let at = copy.indexOf(from); at !== -1; at = copy.indexOf(from, at + to.length)) to.copy(copy, at)
  return copy
}

/** One element of DER (X.690 8.1): tag, length, content. */
function element(tag: number, content: Buffer): Buffer {
  const length = content.length
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(length >= 0x80 && length < 0x100 ? [tag, 0x81, length] : head), content])
}

function elementsOf(content: Buffer): Buffer[] {
  const elements: Buffer[] = []
  for (let at = 0; at < content.length;) {
    const { start, length } = headOf(content.subarray(at))
    elements.push(content.subarray(at, at + start + length))
    at += start + length
  }
  return elements
}

function contentOf(bytes: Buffer): Buffer {
  const { start, length } = headOf(bytes)
  return bytes.subarray(start, start + length)
}

function headOf(bytes: Buffer): { start: number; length: number } {
  const first = bytes[1] ?? 0
  if (first < 0x80) return { start: 2, length: first }
  const octets = first & 0x7f
  return { start: 2 + octets, length: bytes.readUIntBE(2, octets) }
}
