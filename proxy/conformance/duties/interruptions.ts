import { plain, type Call } from '../../test/upstream/origin.ts'
import { differs, type Chapter, type Duty, type Fault } from '../duty.ts'
import { closesWithin, type Stage } from '../stage.ts'

/** How soon the app must learn that nobody waits for it any more; ms. */
const ABORT_MS = 1000
/** Blot's time limit for an answer to begin, plus what a sweep may take; ms. */
const TIMEOUT_DEADLINE_MS = 19_000

export const interruptions: Chapter = {
  title: 'When one side goes',
  duties: [
    leaves('leaves-before-head', 'the visitor leaves before the head: the app’s request is aborted', {
      app: () => {},
      ready: ({ called }) => called(),
    }),
    leaves('leaves-in-body', 'the visitor leaves in the body: aborted', {
      app: ({ socket }) => socket.write(halfAnAnswer()),
      ready: (_, visitor) => visitor.until((text) => text.includes('half')),
    }),
    leaves('leaves-in-upload', 'the visitor leaves in an upload: aborted', {
      request: { line: 'POST / HTTP/1.1', fields: ['Content-Length: 1000'], body: 'part' },
      app: () => {},
      ready: ({ called }) => called(),
    }),
    cut('cut-in-chunks', 'the app cuts a chunked body: the visitor sees the cut, never a final chunk', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
    ),
    cut('cut-in-length', 'the app sends less than its `Content-Length`: the visitor sees the cut', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    ),
    cut('reset-in-body', 'the app resets in the body: the visitor sees the cut', ({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () =>
        socket.resetAndDestroy(),
      ),
    ),
    cut('no-chunk', 'bytes that are no chunk: the visitor sees the cut', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n'),
    ),
    fails('reset-before-head', 'reset before the head: 502', '502', ({ socket }) => socket.resetAndDestroy()),
    fails('closed-before-head', 'closed before the head: 502', '502', ({ socket }) => socket.end()),
    fails('half-a-head', 'closed in the head: 502', '502', ({ socket }) => socket.end('HTTP/1.1 200 OK\r\nConte')),
    fails('no-http', 'what is no HTTP: 502', '502', ({ socket }) => socket.end('SSH-2.0-OpenSSH_9\r\n\r\n')),
    fails('two-lengths', 'an answer with two lengths: 502', '502', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'),
    ),
    { ...fails('silence', 'no answer in time: 504', '504', () => {}), deadlineMs: TIMEOUT_DEADLINE_MS },
    { ...fails('refused', 'the app refuses the connection: 502', '502', () => {}), withoutApp: true },
    {
      name: 'one-hit',
      says: 'a 503 on GET is one hit on the app',
      async run({ app, relay, calls }) {
        app(({ socket }) => socket.write(plain('down', 'HTTP/1.1 503 Service Unavailable')))
        const { answer } = await relay()
        return differs('status', String(answer.status), '503') ?? differs('hits', String(calls.length), '1')
      },
    },
    {
      name: 'one-post',
      says: 'a POST that may have been acted on is never sent twice',
      async run({ app, ask, calls }) {
        app(({ socket }) => socket.resetAndDestroy())
        await ask({ line: 'POST / HTTP/1.1', fields: ['Content-Length: 2'], body: 'ok' })
        return differs('hits', String(calls.length), '1')
      },
    },
  ],
}

/** Long enough to leave every buffer, and without its end. */
export function halfAnAnswer(): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n${'half'.repeat(32 * 1024)}`
}

type Leaving = {
  app(call: Call): unknown
  request?: Parameters<Stage['request']>[0]
  /** Resolves when the visitor may leave. */
  ready(stage: Stage, visitor: Awaited<ReturnType<Stage['visit']>>): Promise<unknown>
}

function leaves(name: string, says: string, { app, request, ready }: Leaving): Duty {
  return {
    name,
    says,
    async run(stage) {
      stage.app(app)
      const visitor = await stage.visit()
      visitor.send(stage.request(request))
      await ready(stage, visitor)
      visitor.leave()
      const { socket } = await stage.called()
      return (await closesWithin(socket, ABORT_MS)) ? undefined : 'the app goes on working for nobody'
    },
  }
}

function cut(name: string, says: string, app: (call: Call) => unknown): Duty {
  return {
    name,
    says,
    async run({ app: act, ask }): Promise<Fault> {
      act(app)
      const answer = await ask()
      if (answer === undefined || answer.status >= 500 || !answer.whole) return undefined
      return 'it looks whole'
    },
  }
}

function fails(name: string, says: string, status: string, app: (call: Call) => unknown): Duty {
  return {
    name,
    says,
    async run({ app: act, ask }) {
      act(app)
      const answer = await ask()
      return answer === undefined ? 'no answer at all' : differs('status', String(answer.status), status)
    },
  }
}
