import { valuesOf } from '../../test/upstream/origin.ts'
import { differs, type Chapter, type Duty, type Fault } from '../duty.ts'
import type { Asked } from '../stage.ts'

const CHUNKED_POST = { line: 'POST / HTTP/1.1', body: '2\r\nok\r\n0\r\n\r\n' }

export const refusals: Chapter = {
  title: 'Before anything is forwarded',
  duties: [
    refuses('two-hosts', 'two `Host` lines', [{ fields: ['Host: app.example', 'Host: evil.example'] }]),
    refuses('no-host', 'no `Host` in HTTP/1.1', [{ host: 'none' }]),
    refuses(
      'invalid-host',
      'a `Host` that is no host[:port]',
      ['a b', 'a/b', 'a?b', 'user@a', 'a,b', 'a:99999', 'a:x', '[::1', 'a"b'].map((host) => ({
        fields: [`Host: ${host}`],
      })),
    ),
    refuses('http-0.9', 'a request line of HTTP/0.9', [{ line: 'GET /' }]),
    refuses('http-2.0', '`HTTP/2.0` in text', [{ line: 'GET / HTTP/2.0' }]),
    refuses('fragment', '`#` in a target', [{ line: 'GET /a#b HTTP/1.1' }]),
    refuses('asterisk', '`*` with another method than `OPTIONS`', [{ line: 'GET * HTTP/1.1' }]),
    refuses('controls', 'control characters in a target or a header', [
      { line: 'GET /a\x01b HTTP/1.1' },
      { fields: ['X-A: 1\x00'] },
      { fields: ['X-A: 1\rX-B: 2'] },
    ]),
    refuses('transfer-coding', '`Transfer-Encoding: gzip, chunked`', [
      { ...CHUNKED_POST, fields: ['Transfer-Encoding: gzip, chunked'] },
      { ...CHUNKED_POST, fields: ['Transfer-Encoding: chunked, gzip'] },
      { ...CHUNKED_POST, fields: ['Transfer-Encoding: xchunked'] },
    ]),
    refuses('two-request-lengths', 'two different `Content-Length`', [
      { line: 'POST / HTTP/1.1', fields: ['Content-Length: 2', 'Content-Length: 3'], body: 'ok!' },
      { line: 'POST / HTTP/1.1', fields: ['Content-Length: 2, 3'], body: 'ok!' },
      { line: 'POST / HTTP/1.1', fields: ['Content-Length: +2'], body: 'ok' },
    ]),
    {
      name: 'length-and-chunks',
      says: '`Content-Length` beside `Transfer-Encoding` is refused, or only one of them counts',
      async run({ ask, calls }): Promise<Fault> {
        await ask({ ...CHUNKED_POST, fields: ['Content-Length: 4', 'Transfer-Encoding: chunked'] })
        const [call] = calls
        if (call === undefined || valuesOf(call, 'transfer-encoding').length === 0) return undefined
        return valuesOf(call, 'content-length').length === 0 ? undefined : 'the app got both'
      },
    },
    refuses('space-before-colon', 'white space before a colon', [
      { line: 'POST / HTTP/1.1', fields: ['Content-Length : 2'], body: 'ok' },
      { fields: ['Transfer-Encoding : chunked'] },
    ]),
    {
      name: 'folded-lines',
      says: 'a folded line is refused, or unfolded (RFC 9112, 5.2)',
      async run({ ask, calls }): Promise<Fault> {
        await ask({ fields: ['X-A: 1', ' Host: evil.example'] })
        const line = calls[0]?.lines.find((received) => /^\s*host: evil/i.test(received))
        return line === undefined ? undefined : `the app got ${line}`
      },
    },
    {
      name: 'bytes-after-close',
      says: 'bytes after a request with `Connection: close` do not replace its answer',
      async run({ visit, request, calls }) {
        const visitor = await visit()
        visitor.send(`${request({ fields: ['Connection: close'] })}\x00\x01 no request\r\n\r\n`)
        const answer = await visitor.answer()
        return (
          differs('status', String(answer?.status), '200') ?? differs('requests at the app', String(calls.length), '1')
        )
      },
    },
    {
      name: 'options-asterisk',
      says: '`OPTIONS *` passes, or is answered here',
      async run({ ask }) {
        const answer = await ask({ line: 'OPTIONS * HTTP/1.1' })
        return (answer?.status ?? 500) < 400 ? undefined : `answered ${answer?.status}`
      },
    },
  ],
}

/** Each of these must be refused, and nothing of it reach the app. */
function refuses(name: string, what: string, requests: readonly Asked[]): Duty {
  return {
    name,
    says: `${what}: refused`,
    async run({ ask, calls }): Promise<Fault> {
      for (const asked of requests) {
        const answer = await ask(asked)
        const which = requests.length === 1 ? '' : `${describe(asked)}: `
        if (calls.length > 0) return `${which}it reached the app`
        if (answer !== undefined && answer.status < 400) return `${which}answered ${answer.status}`
      }
      return undefined
    },
  }
}

function describe({ line, fields = [] }: Asked): string {
  const [field = line ?? ''] = fields
  return JSON.stringify(field).slice(1, -1)
}
