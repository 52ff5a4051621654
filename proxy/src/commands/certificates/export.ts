import { chown, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { writeWhole } from '../../certificates/whole-file.ts'
import { CertificateAbsent, CertificateInvalid, StoreKeyUnknown, UsageInvalid, codeOf } from '../../errors.ts'
import { resolveUser } from '../../lifecycle/user.ts'
import { becomeEdgeUser } from './edge-user.ts'
import type { Subcommand, Work } from './subcommand.ts'

/**
 * PEM files, a pair a name: `<name>.pem` and `<name>-key.pem`, 0600. Keys come from the store alone, never over the admin
 * API. With keys encrypted at rest, this is the way to another program.
 */
export const exporting: Subcommand = {
  name: 'export',
  options: ['all', 'to'],
  words: { least: 0, most: 1 },
  async run(work) {
    const { context, words, signal } = work
    const { all, to } = context.values
    if (typeof to !== 'string') throw new UsageInvalid('--to FOLDER is needed: see blot-edge certificates --help')
    if ((all === true) !== (words.length === 0)) throw new UsageInvalid('name one to export, or give --all')
    const { config } = await context.resolve('run')
    const folder = resolve(to)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const ids = resolveUser(config.user)
    if (ids !== undefined) await chown(folder, ids.uid, ids.gid)
    becomeEdgeUser(config)
    const { openStore } = await import('../../store/open.ts')
    const store = await openStore(config)
    try {
      return await write(work, folder, store.vault, all === true ? store.vault.names() : words, signal)
    } finally {
      await store.close()
    }
  },
}

type Readable = { read(name: string): Promise<{ chainPem: string; privateKeyPem: string } | undefined> }

async function write(
  { context, json }: Work,
  folder: string,
  vault: Readable,
  names: AsyncIterable<string> | Iterable<string>,
  signal: AbortSignal,
): Promise<number> {
  let written = 0
  let failed = 0
  for await (const name of names) {
    if (signal.aborted) break
    try {
      const certificate = await vault.read(name)
      if (certificate === undefined) throw new CertificateAbsent(name)
      const stem = join(folder, name.replace('*', '_wildcard'))
      await writeWhole(`${stem}-key.pem`, certificate.privateKeyPem, 0o600)
      await writeWhole(`${stem}.pem`, certificate.chainPem, 0o600)
      written += 1
      if (json)
        context.stdout.write(`${JSON.stringify({ name, certificate: `${stem}.pem`, key: `${stem}-key.pem` })}\n`)
    } catch (error) {
      const expected = [CertificateInvalid, CertificateAbsent, StoreKeyUnknown]
      if (!expected.some((kind) => error instanceof kind)) throw error
      failed += 1
      context.stderr.write(`blot-edge: ${error instanceof Error ? error.message : ''} (${codeOf(error)})\n`)
    }
  }
  if (!json) context.stdout.write(`${written} exported to ${folder}\n`)
  return failed === 0 && !signal.aborted ? 0 : 1
}
