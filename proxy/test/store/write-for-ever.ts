import { openStore } from '../../src/store/open.ts'
import type { StoredCertificate } from '../../src/certificates/contracts.ts'

/** A process that writes two certificates in turn, and a schedule beside, until it is killed. Input: JSON, one line. */
const [first, second] = JSON.parse(process.argv[3] ?? '') as [StoredCertificate, StoredCertificate]
const store = await openStore({
  store: { kind: 'file', directory: process.argv[2] ?? '' },
  storePrefix: 'ssl',
  host: 'blot.im',
})
for (let count = 1; ; count += 1) {
  await Promise.all([
    store.vault.write(count % 2 === 0 ? first : second),
    store.schedule.set(first.name, count),
    store.tickets.replace(await store.tickets.read(), [{ secret: 'x'.repeat(5_000), createdAtMs: count }]),
    store.changes.publish({ kind: 'certificate', name: first.name }),
  ])
  process.stdout.write(`${count}\n`)
}
