import { ask, assertAgreement, type Answer } from './ask.ts'
import { contest, type Contest } from './contest.ts'
import type { Grounds } from './grounds.ts'
import { autocannon } from './load/autocannon.ts'
import { h2load } from './load/h2load.ts'
import type { Load } from './load/load.ts'
import type { Requests } from './load/requests.ts'
import { wrk } from './load/wrk.ts'
import type { Scenario } from './scenario.ts'
import type { Contestant, Server } from './servers/server.ts'

export type RequestContest = Pick<
  Contest,
  'name' | 'question' | 'contestants' | 'upstream' | 'environment' | 'warmth'
> &
  Omit<Requests, 'status' | 'connections' | 'bodyFile'> & {
    /** 200, unless said otherwise. */
    readonly status?: number
    /** 64, unless said otherwise; 16 with HTTP/2, each with ten streams. */
    readonly connections?: number
    readonly bodyFile?: (grounds: Grounds) => string
    /** What the edge's `Blot-Cache` must say. */
    readonly cache: 'HIT' | 'MISS' | 'BYPASS' | undefined
    /** Fields that every answer must have. */
    readonly expected?: Readonly<Record<string, string>>
  }

/** A scenario that asks for something by HTTP: what it is, and how the servers must answer. */
export function requests(options: RequestContest): Scenario {
  const load = (grounds: Grounds): Requests => ({
    via: options.via,
    urls: options.urls,
    status: options.status ?? 200,
    connections: options.connections ?? (options.via === 'h2' ? 16 : 64),
    ...(options.headers && { headers: options.headers }),
    ...(options.perSecond && { perSecond: options.perSecond }),
    ...(options.bodyFile && { bodyFile: options.bodyFile(grounds) }),
  })
  return contest({
    ...options,
    per: 'request',
    check: (servers, grounds) => check(servers, load(grounds), options),
    loads: (grounds) => loadsFor(load(grounds)),
  })
}

/** What was not in memory the first time is there the second time; what is written to the disk first, soon after. */
const TIMES = 20

async function check(servers: readonly Server[], load: Requests, options: RequestContest): Promise<void> {
  for (let time = 1; ; time++) {
    const answers = new Map<Contestant, Answer>()
    for (const server of servers) answers.set(server.name, await ask(server, load))
    assertAgreement(answers)
    for (const [name, answer] of answers) assertExpected(name, answer, load.status, options.expected)
    const state = answers.get('edge')?.headers['blot-cache']
    const isRight = state === options.cache
    if (isRight && time > 1) return
    if (!isRight && (options.cache !== 'HIT' || time === TIMES))
      throw new Error(`the edge said Blot-Cache: ${String(state)}, not ${options.cache}`)
  }
}

function assertExpected(name: string, answer: Answer, status: number, expected: RequestContest['expected'] = {}): void {
  if (answer.status !== status) throw new Error(`${name} answered ${answer.status}, not ${status}`)
  for (const [field, value] of Object.entries(expected)) {
    const said = answer.headers[field]
    if (said !== value) throw new Error(`${name} said ${field}: ${String(said)}, not ${value}`)
  }
}

/** Who can do it, the weakest first. autocannon collects whole bodies as text: large ones are none of its business. */
function loadsFor(load: Requests): Load[] {
  if (load.via === 'h2' || load.perSecond !== undefined) return [h2load(load)]
  const hosts = new Set(load.urls.map(({ host }) => host))
  return [autocannon(load), hosts.size === 1 ? h2load(load) : wrk(load)]
}
