import { runProgram, type Load } from './load.ts'
import type { Requests } from './requests.ts'

/** autocannon, in a process of its own. HTTP/1.1 only. */
export function autocannon(requests: Requests): Load {
  return {
    tool: 'autocannon',
    run: ({ http, https }, { seconds, signal }) => {
      const port = requests.via === 'http' ? http : https
      return runProgram('autocannon', { ...requests, port, seconds }, signal)
    },
  }
}
