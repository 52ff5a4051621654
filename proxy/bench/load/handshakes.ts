import { runProgram, type Load } from './load.ts'

export type Handshakes = {
  /** Whom to ask for, at random. */
  readonly names: readonly string[]
  readonly resumed: boolean
  readonly version: 'TLSv1.2' | 'TLSv1.3'
}

/** TLS handshakes by a client of our own: neither autocannon nor `openssl s_time` can ask for one name after the other. */
export function handshakes(options: Handshakes & { once?: boolean }): Load {
  return {
    tool: 'node:tls',
    run: ({ https }, { seconds, signal }) =>
      runProgram('handshakes', { once: false, ...options, port: https, seconds }, signal),
  }
}
