/**
 * A strict reader of Upstart's job files, after init(5) and the Upstart Cookbook: no Upstart is packaged any more that could
 * read them itself.
 */

export type Block = { readonly stanza: string; readonly kind: 'script' | 'exec'; readonly text: string }

export type Job = {
  /** Stanzas of one line, in order: name and what stands behind it. */
  readonly stanzas: readonly { readonly name: string; readonly argument: string }[]
  /** What a shell runs: `pre-start`, `main`, … */
  readonly blocks: readonly Block[]
}

/** A stanza: what may stand behind its name, and the Upstart that it came with where that is later than 0.6.5. */
type Rule = { readonly argument: RegExp; readonly since?: string; readonly repeated?: boolean }

const word = String.raw`(?:"[^"]*"|[^\s"]+)`
const limit = String.raw`(?:\d+|unlimited)`
const resources = 'as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|sigpending|stack'
const signal = '(?:SIG)?(?:HUP|INT|QUIT|ABRT|KILL|USR1|USR2|ALRM|TERM|CONT|STOP)'

const rules: Readonly<Record<string, Rule>> = {
  description: { argument: /^"[^"]+"$/ },
  author: { argument: /^"[^"]+"$/ },
  version: { argument: /^"[^"]+"$/ },
  usage: { argument: /^"[^"]+"$/, since: '1.5' },
  emits: { argument: new RegExp(`^${word}(?: ${word})*$`), repeated: true },
  'start on': { argument: /^.+$/ },
  'stop on': { argument: /^.+$/ },
  manual: { argument: /^$/, since: '0.6.7' },
  task: { argument: /^$/ },
  instance: { argument: new RegExp(`^${word}$`) },
  env: { argument: new RegExp(`^[A-Za-z_][A-Za-z0-9_]*(?:=${word}?)?$`), repeated: true },
  export: { argument: /^[A-Za-z_]\w*(?: [A-Za-z_]\w*)*$/, repeated: true },
  expect: { argument: /^(?:fork|daemon|stop)$/ },
  respawn: { argument: /^$/ },
  'respawn limit': { argument: /^(?:unlimited|\d+ \d+)$/ },
  'normal exit': { argument: new RegExp(`^(?:\\d+|${signal})(?: (?:\\d+|${signal}))*$`), repeated: true },
  'kill timeout': { argument: /^\d+$/ },
  'kill signal': { argument: new RegExp(`^${signal}$`), since: '1.3' },
  'reload signal': { argument: new RegExp(`^${signal}$`), since: '1.10' },
  console: { argument: /^(?:none|output|owner)$/ },
  'console log': { argument: /^$/, since: '1.4' },
  umask: { argument: /^0[0-7]{3}$/ },
  nice: { argument: /^-?(?:1?\d|20)$/ },
  'oom score': { argument: /^(?:never|-?(?:\d{1,3}|1000))$/ },
  limit: { argument: new RegExp(`^(?:${resources}) ${limit} ${limit}$`), repeated: true },
  chroot: { argument: /^\/\S*$/ },
  chdir: { argument: /^\/\S*$/ },
  setuid: { argument: /^[a-z_][a-z0-9_-]*$/, since: '1.4' },
  setgid: { argument: /^[a-z_][a-z0-9_-]*$/, since: '1.4' },
}

const twoWords = Object.keys(rules).filter((name) => name.includes(' '))
const processes = ['pre-start', 'post-start', 'pre-stop', 'post-stop']

/** @throws Error that names the line, for whatever Upstart `version` would not take. */
export function parseJob(text: string, version: string): Job {
  const stanzas: { name: string; argument: string }[] = []
  const blocks: Block[] = []
  const lines = text.split('\n')
  for (let i = 0; i < lines.length; i += 1) {
    const line = (lines[i] ?? '').trim()
    const wrong = (why: string): Error => new Error(`line ${i + 1}: ${why}: ${line}`)
    if (line === '' || line.startsWith('#')) continue
    const [, before, kind, command] =
      /^(?:(pre-start|post-start|pre-stop|post-stop)\s+)?(script|exec)\b\s*(.*)$/.exec(line) ?? []
    if (kind !== undefined) {
      const stanza = before ?? 'main'
      if (blocks.some((block) => block.stanza === stanza)) throw wrong(`a second ${stanza}`)
      if (kind === 'exec') {
        if (command === '') throw wrong('exec of nothing')
        blocks.push({ stanza, kind, text: command ?? '' })
        continue
      }
      if (command !== '') throw wrong('words behind script')
      const end = lines.findIndex((candidate, at) => at > i && candidate.trim() === 'end script')
      if (end === -1) throw wrong('a script without an end')
      blocks.push({ stanza, kind: 'script', text: `${lines.slice(i + 1, end).join('\n')}\n` })
      i = end
      continue
    }
    if (processes.some((name) => line.startsWith(name))) throw wrong('neither script nor exec')
    const { name, argument } = splitStanza(line)
    const rule = rules[name]
    if (rule === undefined) throw wrong('no such stanza')
    if (rule.since !== undefined && isLater(rule.since, version)) throw wrong(`younger than Upstart ${version}`)
    if (!rule.argument.test(argument)) throw wrong('not what may stand behind this stanza')
    if (rule.repeated !== true && stanzas.some((stanza) => stanza.name === name)) throw wrong('given twice')
    if (name === 'start on' || name === 'stop on') parseEvents(argument)
    stanzas.push({ name, argument })
  }
  return { stanzas, blocks }
}

function splitStanza(line: string): { name: string; argument: string } {
  const name =
    twoWords.find((candidate) => line === candidate || line.startsWith(`${candidate} `)) ?? line.split(/\s+/)[0] ?? ''
  return { name, argument: line.slice(name.length).trim().replaceAll(/\s+/g, ' ') }
}

function isLater(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) > 0
}

export type Events =
  | { readonly kind: 'event'; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: 'and' | 'or'; readonly left: Events; readonly right: Events }

/** `EVENT [[KEY=]VALUE]… [and|or EVENT…]`, with parentheses; `and` and `or` bind alike, from the left. */
export function parseEvents(text: string): Events {
  const tokens = text.match(/[()]|[^\s()]+/g) ?? []
  let at = 0

  function expression(): Events {
    let left = operand()
    for (let operator = tokens[at]; operator === 'and' || operator === 'or'; operator = tokens[at]) {
      at += 1
      left = { kind: operator, left, right: operand() }
    }
    return left
  }

  function operand(): Events {
    const token = tokens[at]
    at += 1
    if (token === '(') {
      const inner = expression()
      if (tokens[at] !== ')') throw new Error(`a parenthesis is not closed: ${text}`)
      at += 1
      return inner
    }
    if (token === undefined || !/^[a-z][a-z0-9-]*$/.test(token) || token === 'and' || token === 'or') {
      throw new Error(`an event was expected, not ${token}: ${text}`)
    }
    const values: string[] = []
    for (let value = tokens[at]; value !== undefined && !['and', 'or', '(', ')'].includes(value); value = tokens[at]) {
      values.push(value)
      at += 1
    }
    return { kind: 'event', name: token, values }
  }

  const events = expression()
  if (at !== tokens.length) throw new Error(`${tokens[at]} was not expected: ${text}`)
  return events
}

/** Does this event alone start or stop the job? Values are positional, and patterns as a shell has them. */
export function isCausedBy(events: Events, name: string, ...values: string[]): boolean {
  if (events.kind !== 'event') {
    const caused = (side: Events): boolean => isCausedBy(side, name, ...values)
    return events.kind === 'or'
      ? caused(events.left) || caused(events.right)
      : caused(events.left) && caused(events.right)
  }
  return (
    events.name === name &&
    events.values.every((pattern, i) => {
      const expected = pattern.replace(/^[A-Z_]+=/, '').replaceAll('[!', '[^')
      return new RegExp(`^${expected.replaceAll('*', '.*')}$`).test(values[i] ?? '')
    })
  )
}
