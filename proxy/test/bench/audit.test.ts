import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { audit } from '../../bench/load/mixed/audit.ts'
import { parseConnections } from '../../bench/machine/connections.ts'

await t.test('what visitors were told, beside what the app did', async (t) => {
  const directory = t.testdir()
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(directory, name), lines.map((line) => `${line}\n`).join(''))
    return join(directory, name)
  }
  const posts = ['received a-1', 'acted a-1', 'received a-2', 'acted a-2', 'received a-2', 'acted a-2', 'received a-4']
  const webhooks = ['webhook w-1', 'webhook w-3', 'webhook w-2', 'webhook w-1', 'webhook v-9', 'webhook v-10', 'forged']
  const told = ['acked post a-1', 'acked post a-2', 'acked post a-3', 'unsure post a-4', 'unsure post a-5']
  const toldOfWebhooks = ['w-1', 'w-2', 'w-3', 'w-4', 'v-9', 'v-10'].map((id) => `acked webhook ${id}`)
  t.strictSame(audit(file('app', [...posts, ...webhooks]), file('load', [...told, ...toldOfWebhooks])), {
    posts: { acked: 3, lost: ['a-3'], twice: ['a-2'], unheard: ['a-5'] },
    webhooks: { acked: 6, lost: ['w-4'], twice: ['w-1'], outOfOrder: ['w-2'] },
    forged: 1,
  })
})

await t.test('connections as the kernel lists them', async (t) => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0000000000000000 20 4 30 10 -1
`
  t.strictSame(parseConnections(text), [
    { local: 8080, remote: 0, inode: 4242 },
    { local: 8080, remote: 54321, inode: 4243 },
  ])
})
