import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { TicketKey, TicketKeys } from '../../src/certificates/contracts.ts'
import { rotateTicketKeys, type TicketRotation } from '../../src/certificates/ticket-rotation.ts'
import { StoreUnavailable } from '../../src/errors.ts'
import { edgeChannel } from '../../src/events.ts'
import { openStore } from '../../src/store/open.ts'
import { pollUntil } from '../until.ts'

const HOUR_MS = 3600_000

type Machine = TicketRotation & { readonly told: (readonly TicketKey[])[] }

/** Machines that share a store of files, and a clock. */
async function share(t: Test) {
  const clock = { nowMs: Date.UTC(2027, 0, 1) }
  const directory = join(t.testdir(), 'store')
  const config = { store: { kind: 'file', directory }, storePrefix: 'ssl', host: 'blot.localhost' } as const
  async function start(): Promise<Machine> {
    const store = await openStore(config)
    const told: (readonly TicketKey[])[] = []
    const { tickets, changes } = store
    const onKeys = (keys: readonly TicketKey[]): unknown => told.push(keys)
    const rotation = rotateTicketKeys({ store: tickets, changes, onKeys, now: () => clock.nowMs })
    t.teardown(async () => {
      rotation.close()
      await store.close()
    })
    return { ...rotation, told }
  }
  return { clock, start }
}

await t.test('machines that start together agree on one key', async (t) => {
  const { start } = await share(t)
  const machines = await Promise.all([start(), start(), start()])
  await Promise.all(machines.map((machine) => machine.refresh()))
  await pollUntil(() => new Set(machines.map((machine) => machine.keys()[0]?.secret)).size === 1)
  t.equal(machines[0].keys().length, 1)
  t.equal(Buffer.from(machines[0].keys()[0]?.secret ?? '', 'base64').length, 48)
})

await t.test('a new key every 12 hours; the one before still decrypts, the one before that does not', async (t) => {
  const { clock, start } = await share(t)
  const [first, second] = await Promise.all([start(), start()])
  await first.refresh()
  const begun = first.keys()
  clock.nowMs += 11 * HOUR_MS
  await first.refresh()
  t.same(first.keys(), begun)
  clock.nowMs += HOUR_MS
  await first.refresh()
  t.same(first.keys().slice(1), begun)
  await pollUntil(() => second.keys()[0]?.secret === first.keys()[0]?.secret)
  t.same(second.told.at(-1), first.keys(), 'the other machine was told, and tells its workers')
  clock.nowMs += 12 * HOUR_MS
  await second.refresh()
  t.equal(second.keys().length, 2)
  t.notOk(second.keys().some(({ secret }) => secret === begun[0]?.secret))
})

await t.test('a machine whose store is away has a key of its own, and says so once', async (t) => {
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe(({ message }) => void faults.push(message)))
  const away = (): Promise<never> => Promise.reject(new StoreUnavailable('ECONNREFUSED'))
  const store: TicketKeys = { read: away, replace: away }
  const changes = { publish: away, subscribe: () => () => undefined }
  const machine = rotateTicketKeys({ store, changes, onKeys: () => undefined })
  t.teardown(() => machine.close())
  await machine.refresh()
  await machine.refresh()
  t.equal(machine.keys().length, 1)
  t.same(faults, ['ticket keys are not shared'])
})
