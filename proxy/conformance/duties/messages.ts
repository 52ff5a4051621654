import { setTimeout as sleep } from 'node:timers/promises'
import { plain, valuesOf } from '../../test/upstream/origin.ts'
import { fieldsOf } from '../answer.ts'
import { differs, type Chapter, type Duty } from '../duty.ts'

const MANY = 2000
const SECOND_ANSWER_MS = 3000

export const messages: Chapter = {
  title: 'Requests and answers pass',
  duties: [
    {
      name: 'request-trailers',
      says: 'trailers of a request pass',
      async run({ app, relay }) {
        app(async (call) => {
          const isChunked = valuesOf(call, 'transfer-encoding').length > 0
          await call.until(isChunked ? '0\r\n' : 'ok')
          if (isChunked) await call.until('\r\n\r\n')
          // This app takes no trailers for the end of a request: the connection serves no other.
          call.socket.end(plain('ok', 'HTTP/1.1 200 OK\r\nConnection: close'))
        })
        const { call } = await relay({
          line: 'POST / HTTP/1.1',
          fields: ['Transfer-Encoding: chunked', 'Trailer: X-Sum'],
          body: '2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
        })
        return call.received.toString('latin1').toLowerCase().includes('x-sum: 1') ? undefined : 'dropped'
      },
    },
    {
      name: 'answer-trailers',
      says: 'trailers of an answer pass',
      async run({ app, relay }) {
        const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n'
        app(({ socket }) => socket.write(`${head}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`))
        const { answer } = await relay({ fields: ['TE: trailers', 'Connection: TE'] })
        const sums = fieldsOf({ lines: answer.trailers }, 'x-sum')
        return sums.length === 0 ? 'dropped' : differs('X-Sum', sums, ['1'])
      },
    },
    information(103, '103 Early Hints pass', 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload'),
    information(102, 'other 1xx pass', 'HTTP/1.1 102 Processing'),
    {
      name: 'hop-by-hop-request',
      says: 'fields of the visitor’s connection, by name or named in `Connection`, do not reach the app',
      async run({ relay }) {
        const { call } = await relay({
          fields: [
            'Connection: keep-alive, X-Secret',
            'X-Secret: 1',
            'Keep-Alive: timeout=77',
            'TE: gzip',
            'Proxy-Authorization: Basic eDp5',
            'Proxy-Connection: keep-alive',
          ],
        })
        // A proxy may speak for itself: say `TE: trailers`, or keep its own connection alive.
        const leaked = call.lines.find((line) => /^(x-secret|proxy-)|timeout=77|^te:.*gzip/i.test(line))
        return leaked === undefined ? undefined : `the app got ${leaked}`
      },
    },
    {
      name: 'hop-by-hop-answer',
      says: 'fields of the app’s connection do not reach the visitor',
      async run({ app, relay }) {
        const head =
          'HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: timeout=77\r\n' +
          'Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nContent-Length: 2'
        app(({ socket }) => socket.end(`${head}\r\n\r\nok`))
        const { answer } = await relay()
        const leaked = answer.lines.find((line) => /^(x-secret|proxy-|upgrade)|timeout=77/i.test(line))
        return leaked === undefined ? undefined : `the visitor got ${leaked}`
      },
    },
    {
      name: 'keep-alive-300',
      says: 'a `Keep-Alive: 300` of the visitor is harmless',
      async run({ relay }) {
        const { answer } = await relay({ fields: ['Connection: keep-alive', 'Keep-Alive: 300'] })
        return differs('status', String(answer.status), '200')
      },
    },
    {
      name: 'repeated-lines',
      says: 'repeated header lines stay apart and in order',
      async run({ app, relay }) {
        app(({ socket }) =>
          socket.write(plain('', 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2')),
        )
        const { answer, call } = await relay({ fields: ['X-B: 1', 'X-B: 2'] })
        return (
          differs('Set-Cookie', fieldsOf(answer, 'set-cookie'), ['a=1', 'b=2']) ??
          differs('X-A of the answer', fieldsOf(answer, 'x-a'), ['1', '2']) ??
          differs('X-B of the request', valuesOf(call, 'x-b'), ['1', '2'])
        )
      },
    },
    {
      name: 'letter-case',
      says: 'the letter case of header names is kept, both ways',
      async run({ app, relay }) {
        app(({ socket }) => socket.write(plain('', 'HTTP/1.1 200 OK\r\nX-oDD-Case: 1')))
        const { answer, call } = await relay({ fields: ['x-WeIrD: 1'] })
        const lineOf = (lines: readonly string[], name: string): string =>
          lines.find((line) => line.toLowerCase().startsWith(name)) ?? ''
        return (
          differs('the app got', lineOf(call.lines, 'x-weird'), 'x-WeIrD: 1') ??
          differs('the visitor got', lineOf(answer.lines, 'x-odd-case'), 'X-oDD-Case: 1')
        )
      },
    },
    {
      name: 'bytes-in-values',
      says: 'bytes beyond ASCII in header values pass, both ways',
      async run({ app, relay }) {
        app(({ socket }) => socket.write('HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 0\r\n\r\n', 'latin1'))
        const { answer, call } = await relay({ fields: ['X-Name: caf\xe9'] })
        return (
          differs('X-Name of the request', valuesOf(call, 'x-name'), ['caf\xe9']) ??
          differs('X-Name of the answer', fieldsOf(answer, 'x-name'), ['caf\xe9'])
        )
      },
    },
    {
      name: 'many-headers',
      says: `a request of ${MANY} header lines arrives whole or is refused: nothing is dropped in silence`,
      async run({ ask, calls }) {
        const answer = await ask({ fields: Array.from({ length: MANY }, (_, i) => `A: ${i}`) })
        const [call] = calls
        if (call === undefined) return (answer?.status ?? 0) >= 400 ? undefined : 'neither answered nor forwarded'
        return differs('the app got', String(valuesOf(call, 'a').length), String(MANY))
      },
    },
    {
      name: 'many-answer-headers',
      says: `an answer of ${MANY} header lines arrives whole, or as 502`,
      async run({ app, relay }) {
        app(({ socket }) => socket.write(plain('', `HTTP/1.1 200 OK\r\n${'A: 1\r\n'.repeat(MANY)}X-Last: 1`)))
        const { answer } = await relay()
        if (answer.status === 502) return undefined
        return differs('the visitor got', String(fieldsOf(answer, 'a').length), String(MANY))
      },
    },
  ],
}

/** A 1xx and the answer, twice over one connection: who takes the 1xx for the answer has spoilt it for the second. */
function information(status: number, says: string, head: string): Duty {
  return {
    name: `answer-${status}`,
    says,
    async run({ app, visit, request }) {
      app(({ socket }) => socket.write(`${head}\r\n\r\n${plain('ok')}`))
      const visitor = await visit()
      visitor.send(request())
      const answer = await visitor.answer()
      if (answer?.status !== 200) return `answered ${answer?.status}`
      if (!answer.information.some((informed) => informed.status === status)) return 'dropped'
      visitor.send(request())
      const answered = visitor.until((text) => text.split('HTTP/1.1 200 ').length === 3)
      const again = await Promise.race([answered, sleep(SECOND_ANSWER_MS, false)])
      return again ? undefined : `${status} is taken for the answer`
    },
  }
}
