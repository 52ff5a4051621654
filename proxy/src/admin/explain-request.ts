import { hostIn } from '../purge.ts'
import type { ExplainQuestion } from './contracts.ts'
import { quote, readUrl, type Wrong } from './purge-names.ts'

const EXPECTED = '/explain?url=https://example.com/path, and header=Accept-Encoding:%20br for each header'
const MAX_HEADERS = 50
/** RFC 9110 5.1, 5.5: a name, and visible characters, spaces and tabs. */
const HEADER = /^(?<name>[!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(?<value>[\t -~\x80-\xff]*?)[ \t]*$/
const SCHEME_AND_PORT = /^(?<scheme>https?):\/\/[^/?#]*?(?<port>:\d{1,5})?(?:[/?#]|$)/i

/** @param target the request's: `/explain?url=…&header=…`. */
export function parseExplainQuery(target: string): ExplainQuestion | Wrong {
  const mark = target.indexOf('?')
  const parameters = [...new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1))]
  const unknown = parameters.find(([name]) => name !== 'url' && name !== 'header')
  if (unknown !== undefined) return { error: `unknown parameter ${quote(unknown[0])}: ${EXPECTED}` }
  const valuesOf = (wanted: string): string[] =>
    parameters.filter(([name]) => name === wanted).map(([, value]) => value)
  const [url, ...others] = valuesOf('url')
  if (url === undefined || others.length > 0) return { error: `one URL is needed: ${EXPECTED}` }
  return readQuestion(url, valuesOf('header'))
}

/** @param lines `Name: value`. Throws nothing: what is wrong is in the answer. */
export function readQuestion(url: string, lines: readonly string[]): ExplainQuestion | Wrong {
  const parts = SCHEME_AND_PORT.exec(url)?.groups
  if (parts === undefined) return { error: `${quote(url)} is not a URL: https://example.com/path` }
  const { scheme = '', port = '' } = parts
  const normal = readUrl(url)
  if (typeof normal !== 'string') return normal
  const headers = readHeaders(lines)
  if ('error' in headers) return headers
  const host = hostIn(normal)
  const target = normal.slice(2 + host.length)
  return { scheme: scheme.toLowerCase() === 'http' ? 'http' : 'https', host, authority: host + port, target, headers }
}

function readHeaders(lines: readonly string[]): string[] | Wrong {
  if (lines.length > MAX_HEADERS) return { error: `${lines.length} headers: at most ${MAX_HEADERS}` }
  const headers: string[] = []
  for (const line of lines) {
    const { name, value } = HEADER.exec(line)?.groups ?? {}
    if (name === undefined || value === undefined)
      return { error: `${quote(line)} is not a header: Accept-Encoding: br` }
    headers.push(name, value)
  }
  return headers
}
