import { createRequire } from 'node:module'

/** Greenlock without one of the seams, as another version would be. */
const load = createRequire(import.meta.url)
delete (load('@root/acme') as Record<string, unknown>)['_setChallenges']
await import('../../../../src/certificates/issuers/greenlock/thread.ts')
