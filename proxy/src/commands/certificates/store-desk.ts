import { normaliseName } from '../../site/name.ts'
import { importCertificate } from '../../certificates/import.ts'
import { createCertificateOperations } from '../../certificates/operations.ts'
import { CertificateNameInvalid, EdgeAbsent } from '../../errors.ts'
import { openStore } from '../../store/open.ts'
import type { CommandContext } from '../command.ts'
import { openPermission } from '../explain/permission.ts'
import { becomeEdgeUser } from './edge-user.ts'
import type { Desk } from './desk.ts'

/** The store without an edge: what is in it can be read, added and removed; a CA is asked by an edge alone. */
export async function openStoreDesk(context: CommandContext, signal: AbortSignal): Promise<Desk> {
  const { config } = await context.resolve('run')
  becomeEdgeUser(config)
  const store = await openStore(config)
  // Without an issuer: they look, and order nothing.
  const operations = createCertificateOperations({
    store,
    permission: openPermission(config, store),
    issuing: undefined,
  })
  const refuse = (what: string): never => {
    throw new EdgeAbsent(what)
  }
  return {
    isRunning: false,
    async *list({ states, search }) {
      for await (const status of operations.list()) {
        signal.throwIfAborted()
        const isWanted = states.length === 0 || states.includes(status.state)
        if (isWanted && status.name.includes(search.toLowerCase())) yield status
      }
    },
    show: (name) => operations.show(checkName(name)),
    issue: async () => refuse('issue'),
    renewAll: () => refuse('renew'),
    revoke: async () => refuse('revoke'),
    async remove(name) {
      const checked = checkName(name)
      await store.vault.remove(checked)
      await Promise.all([store.schedule.remove(checked), store.failures.remove(checked)])
      await store.changes.publish({ kind: 'certificate', name: checked })
    },
    import: (offered, isTrial) => importCertificate(store, offered, { isTrial, signal }),
    close: () => store.close(),
  }
}

function checkName(raw: string): string {
  const prefix = raw.startsWith('*.') ? '*.' : ''
  const name = normaliseName(raw.slice(prefix.length))
  if (name === undefined) throw new CertificateNameInvalid(JSON.stringify(raw.slice(0, 80)))
  return prefix + name
}
