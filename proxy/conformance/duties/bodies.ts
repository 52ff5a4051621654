import { plain, valuesOf, type Call } from '../../test/upstream/origin.ts'
import { fieldsOf } from '../answer.ts'
import { differs, type Chapter, type Fault } from '../duty.ts'
import type { Visitor } from '../visitor.ts'

const MB = 1024 * 1024
const EVERY_BYTE = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('')
/** What takes the edge's class of large bodies; the others have one limit for all. */
const UPLOADS = 'Host: webhooks.blot.test'

export const bodies: Chapter = {
  title: 'Bodies',
  duties: [
    {
      name: 'binary-body',
      says: 'a request body passes byte for byte, whatever its type says',
      async run({ app, relay }) {
        app(answerAfter(EVERY_BYTE.length))
        const { call } = await relay({
          line: 'POST / HTTP/1.1',
          fields: ['Content-Type: text/plain', `Content-Length: ${EVERY_BYTE.length}`],
          body: EVERY_BYTE,
        })
        return (
          differs('Content-Type', valuesOf(call, 'content-type'), ['text/plain']) ??
          differs('body', call.received.toString('latin1'), EVERY_BYTE)
        )
      },
    },
    {
      name: 'chunked-body',
      says: 'a request body of unknown length passes',
      async run({ app, relay }) {
        app(async (call) => {
          await call.until('two')
          call.socket.end(plain('ok', 'HTTP/1.1 200 OK\r\nConnection: close'))
        })
        const { call } = await relay({
          line: 'POST / HTTP/1.1',
          fields: ['Transfer-Encoding: chunked'],
          body: '3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n',
        })
        const received = call.received.toString('latin1').replaceAll(/(^|\r\n)[0-9a-f]+\r\n(\r\n)?/gi, '')
        return differs('body', received, 'onetwo')
      },
    },
    {
      name: 'expect-continue',
      says: '`Expect: 100-continue` is answered or passed, and 4 MB follow',
      async run({ app, visit, request, called }) {
        app(async (call) => {
          if (valuesOf(call, 'expect').length > 0) call.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
          await answerAfter(4 * MB)(call)
        })
        const visitor = await visit()
        const fields = [UPLOADS, 'Expect: 100-continue', 'Content-Type: text/plain', `Content-Length: ${4 * MB}`]
        visitor.send(request({ line: 'PUT / HTTP/1.1', fields }))
        if (!(await visitor.until((text) => text.startsWith('HTTP/1.1 100 ')))) return `answered ${firstLine(visitor)}`
        visitor.send(Buffer.alloc(4 * MB, 'a'))
        const answer = await visitor.answer()
        const { received } = await called()
        return (
          differs('status', String(answer?.status), '200') ??
          differs('bytes that the app got', String(received.length), String(4 * MB))
        )
      },
    },
    {
      name: 'early-answer',
      says: 'an answer that comes before the request is whole reaches the visitor',
      async run({ app, visit, request }) {
        app(({ socket }) => socket.write(plain('no', 'HTTP/1.1 401 Unauthorized\r\nConnection: close')))
        const visitor = await visit()
        visitor.send(request({ line: 'POST / HTTP/1.1', fields: ['Content-Length: 600000'], body: 'part' }))
        return differs('status', String((await visitor.answer())?.status), '401')
      },
    },
    {
      name: 'head',
      says: 'the answer to `HEAD` has the length of the `GET` and no body',
      async run({ app, relay }) {
        app(({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n'))
        const { answer } = await relay({ line: 'HEAD / HTTP/1.1' })
        return differs('Content-Length', fieldsOf(answer, 'content-length'), ['1234'])
      },
    },
    {
      name: 'until-close',
      says: 'an answer without a length ends where the app closes',
      async run({ app, relay }) {
        app(({ socket }) => socket.end('HTTP/1.0 200 OK\r\n\r\nold and whole'))
        const { answer } = await relay({ fields: ['Connection: close'] })
        return answer.whole ? differs('body', answer.body, 'old and whole') : 'the visitor sees a cut'
      },
    },
    {
      name: 'kept-open',
      says: 'an app that says `Connection: close` and does not close holds nobody up',
      async run({ app, visit, request, calls }): Promise<Fault> {
        app(({ socket }) => socket.write(plain('ok', 'HTTP/1.1 200 OK\r\nConnection: close')))
        for (let turn = 1; turn <= 3; turn++) {
          const visitor = await visit()
          visitor.send(request())
          const answer = await visitor.answer()
          if (answer?.body !== 'ok' || calls.length !== turn) return `request ${turn}: ${firstLine(visitor)}`
        }
        return undefined
      },
    },
  ],
}

/** Answers once so many bytes of body are here. */
function answerAfter(bytes: number): (call: Call) => Promise<void> {
  return async (call) => {
    while (call.received.length < bytes) await new Promise((resolve) => call.socket.once('received', resolve))
    call.socket.write(plain('ok'))
  }
}

function firstLine({ received }: Visitor): string {
  return received.split('\r\n', 1)[0] ?? ''
}
