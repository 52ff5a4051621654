/** What a directive of NGINX's becomes. `variable`: the one that takes its place, with the value where it is known. */
export type NginxNote = {
  readonly directive: string
  /** Where it stands: line of the file, the first one. */
  readonly line: number
  readonly count: number
  readonly becomes: string
  readonly variable?: { readonly name: string; readonly value: string }
}

/** One directive: its name, its arguments, and the line that it begins in. */
type Directive = { readonly name: string; readonly args: readonly string[]; readonly line: number }

/**
 * Reads a configuration as `nginx -T` prints it, for what an edge does otherwise. Pure. Blocks are not followed: a directive
 * counts wherever it stands; what is inside Lua is not read.
 */
export function readNginx(text: string): NginxNote[] {
  const notes = new Map<string, NginxNote>()
  for (const directive of directivesOf(text)) {
    const becomes = CHANGES.find(({ name, fits }) => name === directive.name && (fits?.(directive.args) ?? true))
    if (becomes === undefined) continue
    const key = `${directive.name} ${becomes.becomes}`
    const before = notes.get(key)
    const variable = becomes.variable?.(directive.args)
    notes.set(
      key,
      before === undefined
        ? {
            directive: directive.name,
            line: directive.line,
            count: 1,
            becomes: becomes.becomes,
            ...(variable && { variable }),
          }
        : { ...before, count: before.count + 1, ...(variable && { variable: joined(before.variable, variable) }) },
    )
  }
  return [...notes.values()]
}

function joined(
  before: NginxNote['variable'],
  { name, value }: NonNullable<NginxNote['variable']>,
): NonNullable<NginxNote['variable']> {
  const values = new Set([...(before?.value.split(',') ?? []), value])
  return { name, value: [...values].join(',') }
}

type Change = {
  readonly name: string
  readonly fits?: (args: readonly string[]) => boolean
  readonly becomes: string
  readonly variable?: (args: readonly string[]) => NonNullable<NginxNote['variable']>
}

const CHANGES: readonly Change[] = [
  {
    name: 'set_real_ip_from',
    becomes: 'addresses whose forwarding headers are believed',
    variable: ([value = '']) => ({ name: 'EDGE_TRUSTED_PROXIES', value }),
  },
  {
    name: 'listen',
    fits: (args) => args.includes('proxy_protocol'),
    becomes: 'PROXY headers from trusted addresses',
    variable: () => ({ name: 'EDGE_PROXY_PROTOCOL', value: 'true' }),
  },
  {
    name: 'listen',
    fits: (args) => args.includes('quic') || args.includes('http3'),
    becomes: 'HTTP/3 is not offered; visitors who were told of it are told to forget it (EDGE_ALT_SVC=clear)',
  },
  {
    name: 'ssl_dhparam',
    becomes: 'not needed; keep it with',
    variable: ([value = '']) => ({ name: 'EDGE_DHPARAMS', value }),
  },
  {
    name: 'proxy_cache_valid',
    becomes: 'answers are kept as the app says (RFC 9111); as long as before, until purged, with',
    variable: () => ({ name: 'EDGE_CACHE_UNTIL_PURGED', value: 'handles,domains' }),
  },
  {
    name: 'limit_req',
    becomes:
      'no limit of requests by address: it banned authors and visitors behind shared addresses. fail2ban has a filter in ops',
  },
  { name: 'limit_conn', becomes: 'at most 1000 connections from one address, loopback and trusted proxies excepted' },
  { name: 'auth_basic', becomes: 'nothing: the app, or a server in front of the edge, has to ask for the password' },
  { name: 'deny', becomes: 'nothing: a firewall has to close addresses out' },
  { name: 'rewrite', becomes: 'nothing: the app decides about redirects; compare those URLs' },
  { name: 'sub_filter', becomes: 'nothing: the edge changes no body' },
  { name: 'add_header', becomes: 'nothing: the app has to send it; compare those URLs' },
  {
    name: 'client_max_body_size',
    becomes: "Blot's limits: 1 MB, 1000 MB for uploads of the dashboard, 2000 MB for git",
  },
  { name: 'proxy_read_timeout', becomes: "Blot's limits: 15 s for an answer to begin, 24 h for streams" },
  { name: 'geo', becomes: 'nothing: the edge knows no countries' },
  {
    name: 'access_log',
    becomes: 'one line of JSON a request on standard output: journald, or a file by the Upstart job',
  },
]

/** Words and quoted strings up to `;` or `{`; comments and Lua blocks are passed over. */
function* directivesOf(text: string): Generator<Directive> {
  const token = /#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|[;{}]|[^\s;{}"'#]+/g
  let words: { text: string; line: number }[] = []
  let [line, counted] = [1, 0]
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    for (; counted < match.index; counted++) if (text[counted] === '\n') line++
    const [found] = match
    if (found.startsWith('#')) continue
    if (found !== ';' && found !== '{' && found !== '}') {
      words.push({ text: match[1] ?? match[2] ?? found, line })
      continue
    }
    const [first, ...args] = words
    words = []
    if (first !== undefined) yield { name: first.text, args: args.map((word) => word.text), line: first.line }
    if (found === '{' && first?.text.endsWith('_by_lua_block') === true)
      token.lastIndex = endOfBlock(text, token.lastIndex)
  }
}

/** Behind the brace that closes the block: braces in Lua's strings are balanced where NGINX itself accepts them. */
function endOfBlock(text: string, from: number): number {
  let depth = 1
  for (let i = from; i < text.length; i++) {
    if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i + 1
  }
  return text.length
}
