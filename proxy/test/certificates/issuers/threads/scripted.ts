import { parentPort } from 'node:worker_threads'
import type { FromThread, ToThread } from '../../../../src/certificates/issuers/greenlock/messages.ts'

/** A thread without greenlock: the name that is ordered says what it does. */
const tell = (message: FromThread): void => parentPort?.postMessage(message, [])

parentPort?.on('message', (message: ToThread) => {
  if (message.kind !== 'order') return
  const { id, order } = message
  const [name = ''] = order.names
  if (name.startsWith('exit')) process.exit(3)
  if (name.startsWith('throw')) throw new Error('greenlock threw')
  if (name.startsWith('hang')) for (;;);
  if (!name.startsWith('silent')) tell({ kind: 'done', id, pem: name })
})
tell({ kind: 'ready' })
