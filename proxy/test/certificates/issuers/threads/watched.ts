import childProcess from 'node:child_process'
import dns from 'node:dns'
import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { answerSeen } from './seen.ts'

/** Greenlock, watched: what it does to the world is written down, and told when it is asked for. */
const seen: string[] = []
answerSeen(() => seen)

function watch(object: object, name: string): void {
  const methods = object as Record<string, (...args: unknown[]) => unknown>
  const original = methods[name]
  if (original === undefined) throw new Error(`there is no ${name}`)
  methods[name] = function watched(this: unknown, ...args: unknown[]) {
    seen.push(`${name} ${String(args[0])} ${typeof args[1] === 'number' ? args[1] : ''}`.trim())
    return original.apply(this, args)
  }
}

watch(net.Socket.prototype, 'connect')
for (const name of ['lookup', 'resolve', 'resolveMx', 'resolveTxt']) watch(dns, name)
for (const name of ['writeFile', 'writeFileSync', 'mkdir', 'mkdirSync', 'appendFileSync', 'chmodSync']) watch(fs, name)
for (const name of ['spawn', 'spawnSync', 'exec', 'execFile']) watch(childProcess, name)
// Of its own certificate requests it cannot read back one in two hundred: here, none.
const load = createRequire(import.meta.url)
Object.assign(load('@root/csr') as object, {
  _info() {
    throw new TypeError('the request cannot be read')
  },
})
watch(globalThis, 'setTimeout')
watch(globalThis, 'setInterval')
syncBuiltinESMExports()
await import('../../../../src/certificates/issuers/greenlock/thread.ts')
