import type { Socket } from 'node:net'
import { plain, type Call } from '../test/upstream/origin.ts'
import type { Answer } from './answer.ts'
import type { Proxy } from './proxies/proxy.ts'
import { visit, type Visitor } from './visitor.ts'
import { visit2, type Visitor2 } from './visitor2.ts'

/** What a duty plays on: one proxy, with the visitor on one side and the app on the other. */
export type Stage = {
  /** How the app answers requests of this duty; `ok` by default. */
  app(handle: (call: Call) => unknown): void
  /** Requests of this duty that reached the app. */
  readonly calls: readonly Call[]
  /** The first of them. */
  called(): Promise<Call>
  /** The text of a request. */
  request(asked?: Asked): string
  visit(way?: Way): Promise<Visitor>
  /** One request over TLS and HTTP/2. @param fields flat, besides the pseudo-header fields. */
  visit2(fields?: readonly string[]): Promise<Visitor2>
  /** One request over a connection of its own. */
  ask(asked?: Asked): Promise<Answer | undefined>
  /** One that must be answered, and reach the app. @throws when it is not, or does not. */
  relay(asked?: Asked): Promise<{ answer: Answer; call: Call }>
}

/** How a visitor comes: from which address, and to which of the proxy's ports. */
export type Way = { from?: string; to?: 'http' | 'secure' }

/** @property host none: no `Host` at all; else one is added unless it is among the fields. */
export type Asked = Way & { line?: string; fields?: readonly string[]; body?: string; host?: 'none' }

export const HOST = 'app.example'

type Handler = (call: Call) => unknown

/** The app's side: gives each request to the duty whose mark it carries in a header. */
export type Switchboard = {
  readonly handle: Handler
  /** @returns a mark that no other duty has. */
  add(handle: Handler): string
}

export function createSwitchboard(): Switchboard {
  const handlers = new Map<string, Handler>()
  let last = 0
  return {
    handle(call) {
      const mark = /duty-\d+-/.exec(call.lines.join('\n'))?.[0] ?? ''
      const handle = handlers.get(mark) ?? (({ socket }: Call) => socket.write(plain('ok')))
      return handle(call)
    },
    add(handle) {
      const mark = `duty-${++last}-`
      handlers.set(mark, handle)
      return mark
    },
  }
}

/** @returns the stage, and the way to leave it. */
export function setStage(proxy: Proxy, switchboard: Switchboard): { stage: Stage; leave(): void } {
  const calls: Call[] = []
  const visitors: { leave(): void }[] = []
  const first = Promise.withResolvers<Call>()
  let handle: Handler = ({ socket }) => socket.write(plain('ok'))
  const mark = switchboard.add((call) => {
    calls.push(call)
    first.resolve(call)
    return handle(call)
  })

  function request({ line = 'GET / HTTP/1.1', fields = [], body = '', host }: Asked = {}): string {
    const named = host === 'none' || fields.some((field) => /^host:/i.test(field))
    return [line, ...(named ? [] : [`Host: ${HOST}`]), `X-Duty: ${mark}`, ...fields, '', body].join('\r\n')
  }

  async function open({ from = '127.0.0.1', to = 'http' }: Way = {}): Promise<Visitor> {
    const visitor = await visit(proxy[to], from)
    visitors.push(visitor)
    return visitor
  }

  async function open2(fields: readonly string[] = []): Promise<Visitor2> {
    const visitor = await visit2(proxy.https, HOST, ['x-duty', mark, ...fields])
    visitors.push(visitor)
    return visitor
  }

  async function ask(asked: Asked = {}): Promise<Answer | undefined> {
    const visitor = await open(asked)
    visitor.send(request(asked))
    return visitor.answer(asked.line?.split(' ')[0])
  }

  const stage: Stage = {
    calls,
    app: (given) => void (handle = given),
    called: () => first.promise,
    request,
    visit: open,
    visit2: open2,
    ask,
    async relay(asked) {
      const answer = await ask(asked)
      const [call] = calls
      if (answer === undefined) throw new Error('the visitor got no answer')
      if (call === undefined) throw new Error(`${answer.status}; the app was not asked`)
      return { answer, call }
    },
  }
  return {
    stage,
    leave() {
      for (const visitor of visitors) visitor.leave()
    },
  }
}

/** Resolves with whether the socket was closed in time. */
export function closesWithin(socket: Socket, ms: number): Promise<boolean> {
  if (socket.closed) return Promise.resolve(true)
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, false)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
