import { createHash } from 'node:crypto'
import { parseObject } from './parse-object.ts'
import type { AcmeAccount, AcmeAccountId, AcmeAccounts } from '../certificates/contracts.ts'
import type { Records } from './records.ts'
import type { Sealer } from './seal.ts'

export function createAccounts(records: Records, sealer: Sealer): AcmeAccounts {
  return {
    async read(id) {
      const key = keyOf(id)
      const text = await records.read(key)
      const opened = text === undefined ? undefined : parseAccount(text, id, sealer)
      if (opened?.isOutdated) void records.swap(key, text, formatAccount(opened.account, sealer)).catch(() => {})
      return opened?.account
    },
    async keepFirst(account) {
      const key = keyOf(account)
      const found = await records.read(key)
      const first = found === undefined ? undefined : parseAccount(found, account, sealer)
      if (first !== undefined) return first.account
      // One that cannot be read any more is replaced; between two writers, the first one wins.
      const kept = await records.swap(key, found, formatAccount(account, sealer))
      return parseAccount(kept, account, sealer)?.account ?? account
    },
  }
}

/** URLs and mail addresses hold anything; their hash is a plain key. */
function keyOf({ directoryUrl, email }: AcmeAccountId): string {
  return `account:${createHash('sha256').update(`${directoryUrl}\n${email}`).digest('hex')}`
}

function formatAccount({ directoryUrl, email, url, privateKeyPem }: AcmeAccount, sealer: Sealer): string {
  const sealed = sealer.seal(privateKeyPem, keyOf({ directoryUrl, email }))
  return JSON.stringify({ directoryUrl, email, url, privateKeyPem: sealed })
}

type OpenedAccount = { readonly account: AcmeAccount; readonly isOutdated: boolean }

/** @returns undefined for what is damaged: another account is registered. */
function parseAccount(text: string, id: AcmeAccountId, sealer: Sealer): OpenedAccount | undefined {
  const { url, privateKeyPem } = parseObject(text) ?? {}
  if (typeof url !== 'string' || typeof privateKeyPem !== 'string') return undefined
  const { plain, isOutdated } = sealer.open(privateKeyPem, keyOf(id))
  if (plain === undefined) return undefined
  return { account: { directoryUrl: id.directoryUrl, email: id.email, url, privateKeyPem: plain }, isOutdated }
}
