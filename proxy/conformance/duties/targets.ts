import { valuesOf } from '../../test/upstream/origin.ts'
import { differs, type Chapter, type Duty } from '../duty.ts'
import { HOST } from '../stage.ts'

export const targets: Chapter = {
  title: 'Targets and methods pass byte for byte',
  duties: [
    target('backslash', '`/a\\b`', '/a\\b'),
    target('dot-segments', '`/p/../q`', '/p/../q'),
    target('encoded-dots', '`/..%2f`', '/..%2f'),
    target('encoded-slash', '`/a%2Fb`', '/a%2Fb'),
    target('double-slash', '`//a//b`', '//a//b'),
    target('brackets', '`/[x]`', '/[x]'),
    target('question-marks', '`/a?b?c`', '/a?b?c'),
    target('raw-utf8', '`/café`, not encoded', '/caf\xc3\xa9'),
    {
      name: 'absolute-form',
      says: 'a target in absolute form is accepted',
      async run({ relay }) {
        const { answer, call } = await relay({ line: `GET http://${HOST}/path?x=1 HTTP/1.1` })
        return (
          differs('status', String(answer.status), '200') ??
          differs('request line', (call.lines[0] ?? '').replace(`http://${HOST}`, ''), 'GET /path?x=1 HTTP/1.1')
        )
      },
    },
    {
      name: 'absolute-host',
      says: 'its host takes the place of `Host` (RFC 9112, 3.2.2)',
      async run({ relay }) {
        const { call } = await relay({ line: 'GET http://named.example/ HTTP/1.1', fields: ['Host: other.example'] })
        return differs('Host', valuesOf(call, 'host'), ['named.example'])
      },
    },
    method('propfind', 'PROPFIND'),
    method('unknown-method', 'ABCDEFGHIJKLMNOPQRST'),
  ],
}

function target(name: string, shown: string, path: string): Duty {
  return {
    name,
    says: shown,
    async run({ relay }) {
      const { call } = await relay({ line: `GET ${path} HTTP/1.1` })
      return differs('the app got', call.lines[0]?.split(' ')[1] ?? '', path)
    },
  }
}

function method(name: string, verb: string): Duty {
  return {
    name,
    says: `the method \`${verb}\``,
    async run({ relay }) {
      const { answer, call } = await relay({ line: `${verb} / HTTP/1.1`, fields: ['Content-Length: 0'] })
      return (
        differs('the app got', call.lines[0]?.split(' ')[0] ?? '', verb) ??
        differs('status', String(answer.status), '200')
      )
    },
  }
}
