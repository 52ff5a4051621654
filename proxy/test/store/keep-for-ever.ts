import { openFileWebhooks } from '../../src/store/file-webhooks.ts'
import { createSealer } from '../../src/store/seal.ts'
import { QUEUE_LIMITS } from '../../src/webhooks/limits.ts'

/** A process that keeps webhooks, and says which are kept, until it is killed. Argument: the folder. */
const queue = await openFileWebhooks(process.argv[2] ?? '', createSealer(), QUEUE_LIMITS)
for (let count = 0; ; count++) {
  const id = `${process.pid}-${count}`
  const request = { method: 'POST', target: '/', headers: [], body: Buffer.from(`body of ${id}`) }
  await queue.add({ id, path: '/', digest: id, acceptedAtMs: Date.now(), request })
  process.stdout.write(`${id}\n`)
}
