import { once } from 'node:events'
import { constants } from 'node:http2'
import { plain, valuesOf, type Call } from '../../test/upstream/origin.ts'
import { differs, type Chapter, type Duty, type Fault } from '../duty.ts'
import { closesWithin } from '../stage.ts'
import { halfAnAnswer } from './interruptions.ts'

/** As over HTTP/1.1; ms. */
const ABORT_MS = 1000

export const http2: Chapter = {
  title: 'Over TLS and HTTP/2',
  duties: [
    cut('h2-cut-in-chunks', 'the app cuts a chunked body: the stream is reset', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
    ),
    cut('h2-cut-in-length', 'the app sends less than its `Content-Length`: the stream is reset', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    ),
    {
      name: 'h2-cancel',
      says: 'the visitor cancels one stream: the app’s request is aborted',
      async run({ visit2, app, called }): Promise<Fault> {
        app(({ socket }) => socket.write(halfAnAnswer()))
        const { stream } = await visit2()
        await once(stream, 'data')
        stream.close(constants.NGHTTP2_CANCEL)
        const { socket } = await called()
        return (await closesWithin(socket, ABORT_MS)) ? undefined : 'the app goes on working for nobody'
      },
    },
    {
      name: 'h2-trailers',
      says: 'trailers of an answer pass',
      async run({ visit2, app }) {
        const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n'
        app(({ socket }) => socket.write(`${head}2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n`))
        const { trailers } = await (await visit2(['te', 'trailers'])).answer()
        return trailers['x-sum'] === undefined ? 'dropped' : differs('x-sum', String(trailers['x-sum']), '1')
      },
    },
    {
      name: 'h2-early-hints',
      says: '103 Early Hints pass',
      async run({ visit2, app }) {
        app(({ socket }) => socket.write(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${plain('ok')}`))
        const { information, status } = await (await visit2()).answer()
        if (status !== 200) return `answered ${status}`
        return information.includes(103) ? undefined : 'dropped'
      },
    },
    {
      name: 'h2-cookies',
      says: 'cookie crumbs become one line (RFC 9113, 8.2.3)',
      async run({ visit2, called }) {
        await (await visit2(['cookie', 'a=1', 'cookie', 'b=2'])).answer()
        return differs('Cookie', valuesOf(await called(), 'cookie'), ['a=1; b=2'])
      },
    },
    {
      name: 'h2-connection-fields',
      says: 'fields of a connection, such as the app’s `Keep-Alive`, do not reach the visitor',
      async run({ visit2, app }) {
        const head = 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=77'
        app(({ socket }) => socket.write(plain('ok', head)))
        const { status, headers } = await (await visit2()).answer()
        const leaked = Object.keys(headers).find((name) => /^(connection|keep-alive)$/.test(name))
        return leaked === undefined ? differs('status', String(status), '200') : `the visitor got ${leaked}`
      },
    },
  ],
}

function cut(name: string, says: string, app: (call: Call) => unknown): Duty {
  return {
    name,
    says,
    async run({ visit2, app: act }): Promise<Fault> {
      act(app)
      const { status, whole } = await (await visit2()).answer()
      return whole && status < 500 ? 'it looks whole' : undefined
    },
  }
}
