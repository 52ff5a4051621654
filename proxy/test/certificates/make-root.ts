import { openLocalIssuer } from '../../src/certificates/issuers/local.ts'

/** A process that opens the local CA in a folder and tells which one it got. */
const { id } = await openLocalIssuer(process.argv[2] ?? '')
process.stdout.write(id)
