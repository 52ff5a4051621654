import { createAccounts } from './accounts.ts'
import { createFailures } from './failures.ts'
import type { Store } from './open.ts'
import type { Records } from './records.ts'
import type { Sealer } from './seal.ts'
import { createTickets } from './tickets.ts'
import { createTokens } from './tokens.ts'

/** What is written once for files and Redis. */
export function openRecords(
  records: Records,
  sealer: Sealer,
): Pick<Store, 'tokens' | 'accounts' | 'failures' | 'tickets'> {
  return {
    tokens: createTokens(records),
    accounts: createAccounts(records, sealer),
    failures: createFailures(records),
    tickets: createTickets(records, sealer),
  }
}
