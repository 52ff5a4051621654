import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { percentile, runTool, type Load, type LoadResult } from './load.ts'
import { STREAMS, type Requests } from './requests.ts'

/** h2load of nghttp2: HTTP/2, and HTTP/1.1 where autocannon is too weak. One host. */
export function h2load(requests: Requests): Load {
  return {
    tool: 'h2load',
    async run({ http, https }, { seconds, signal }) {
      const port = requests.via === 'http' ? http : https
      const directory = await mkdtemp(join(tmpdir(), 'blot-edge-h2load-'))
      try {
        const urlFile = join(directory, 'urls')
        const logFile = join(directory, 'log')
        await writeFile(urlFile, urlsOf(requests, port))
        const args = ['-i', urlFile, `--log-file=${logFile}`, `--connect-to=127.0.0.1:${port}`]
        const output = await runTool('h2load', [...args, ...argumentsFor(requests, seconds)], signal)
        return readResult(output, await readFile(logFile, 'utf8'), requests.status)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

function urlsOf({ via, urls }: Requests, port: number): string {
  const scheme = via === 'http' ? 'http' : 'https'
  return urls.map(({ host, path }) => `${scheme}://${host}:${port}${path}\n`).join('')
}

function argumentsFor(requests: Requests, seconds: number): string[] {
  const { via, headers = {}, bodyFile, connections, perSecond } = requests
  const args = ['-t', '1', '-c', String(connections)]
  if (perSecond === undefined) args.push('-D', `${Math.round(seconds * 1000)}ms`)
  else args.push('-n', String(Math.ceil(perSecond * seconds)))
  // h2load's own windows are for tiny answers: 4 MB for a stream, 16 MB for a connection.
  if (via === 'h2') args.push('-m', String(STREAMS), '-w', '22', '-W', '24')
  else args.push('--h1')
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`)
  if (bodyFile !== undefined) args.push('-d', bodyFile)
  return args
}

/** @param log one line a request: when it began (us), its status, how long it took (us). */
export function readResult(output: string, log: string, status: number): LoadResult {
  const lines = log.split('\n').filter((line) => line !== '')
  const answered = lines.map((line) => line.split('\t').map(Number))
  const durations = answered.filter(([, code]) => code === status).map(([, , micros = NaN]) => micros / 1000)
  durations.sort((left, right) => left - right)
  const broken = /(\d+) errored, (\d+) timeout/.exec(output)
  const [, value = NaN, unit] = /^finished in ([\d.]+)(us|ms|s)/m.exec(output) ?? []
  const unitSeconds = unit === 's' ? 1 : unit === 'ms' ? 1e-3 : 1e-6
  return {
    count: durations.length,
    errors: lines.length - durations.length + Number(broken?.[1] ?? 0) + Number(broken?.[2] ?? 0),
    seconds: Number(value) * unitSeconds,
    p50Ms: percentile(durations, 0.5),
    p99Ms: percentile(durations, 0.99),
  }
}
