import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool, type Load, type LoadResult } from './load.ts'
import type { Requests } from './requests.ts'

const SCRIPT = join(import.meta.dirname, 'wrk.lua')

type Output = Record<'requests' | 'microseconds' | 'connect' | 'read' | 'write' | 'status' | 'timeout', number> &
  Record<'p50' | 'p99', number>

/** wrk: GET over plain HTTP/1.1 with a host for each request, where autocannon is too weak. */
export function wrk({ urls, connections }: Requests): Load {
  return {
    tool: 'wrk',
    async run({ http }, { seconds, signal }) {
      const directory = await mkdtemp(join(tmpdir(), 'blot-edge-wrk-'))
      try {
        const list = join(directory, 'urls')
        await writeFile(list, urls.map(({ host, path }) => `${host} ${path}\n`).join(''))
        // wrk knows whole seconds only.
        const options = ['-t', '1', '-c', String(connections), '-d', `${Math.ceil(seconds)}s`, '-s', SCRIPT]
        return readResult(await runTool('wrk', [...options, `http://127.0.0.1:${http}/`, '--', list], signal))
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

export function readResult(output: string): LoadResult {
  const line = /^result (.*)$/m.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk gave no result:\n${output}`)
  const { requests, microseconds, connect, read, write, status, timeout, p50, p99 } = JSON.parse(line) as Output
  return {
    count: requests - status,
    errors: connect + read + write + status + timeout,
    seconds: microseconds / 1e6,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
  }
}
