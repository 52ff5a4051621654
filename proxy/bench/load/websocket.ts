import { runProgram, type Load } from './load.ts'

/** Messages of 1 KB over 32 WebSocket connections, each echoed before the next is sent. */
export function websocketEcho(host: string): Load {
  return {
    tool: 'ws',
    run: ({ http }, { seconds, signal }) => runProgram('websocket', { port: http, seconds, host }, signal),
  }
}
