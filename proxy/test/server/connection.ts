import type { Connection } from '../../src/request.ts'

/** The record of a plain connection, for tests that make the connection itself. */
export const PLAIN: Connection = {
  id: 1,
  address: '127.0.0.1',
  port: 1,
  trusted: false,
  loopback: true,
  scheme: 'http',
  localPort: 80,
  serverName: undefined,
  covers: () => true,
}
