import { styleText } from 'node:util'
import type { Chapter } from './duty.ts'
import type { ProxyName } from './proxies/proxy.ts'
import type { Results } from './trial.ts'

export type Outcome = {
  readonly chapters: readonly Chapter[]
  readonly proxies: readonly ProxyName[]
  /** Name and version of each. */
  readonly titles: ReadonlyMap<ProxyName, string>
  readonly results: Results
}

const MET = 'yes'

/** For a terminal: a mark a proxy, and below what happened where a duty was not met. */
export function renderTerminal({ chapters, proxies, titles, results }: Outcome, stream: NodeJS.WriteStream): string {
  const columns = proxies.map((proxy) => titles.get(proxy) ?? proxy)
  const names = chapters.flatMap(({ duties }) => duties.map(({ name }) => name))
  const width = Math.max(...names.map((name) => name.length)) + 2
  let text = `${' '.repeat(width)}${columns.join('  ')}\n`
  for (const { title, duties } of chapters) {
    text += `${styleText('bold', title, { stream })}\n`
    for (const duty of duties) {
      const found = results.get(duty)
      const marks = proxies.map((proxy, i) => {
        const isMet = found?.get(proxy) === undefined
        return styleText(isMet ? 'green' : 'red', (isMet ? MET : 'no').padEnd(columns[i]?.length ?? 0), { stream })
      })
      text += `${duty.name.padEnd(width)}${marks.join('  ')}\n`
      for (const proxy of proxies) {
        const fault = found?.get(proxy)
        if (fault !== undefined) text += `${' '.repeat(width)}${styleText('dim', `${proxy}: ${fault}`, { stream })}\n`
      }
    }
  }
  return `${text}${' '.repeat(width)}${sums({ chapters, proxies, titles, results }).join('  ')}\n`
}

/** For docs/proxying.md. */
export function renderMarkdown(outcome: Outcome): string {
  const { chapters, proxies, titles, results } = outcome
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  let text = ''
  for (const { title, duties } of chapters) {
    text += `### ${title}\n\n`
    text += row(['duty', ...proxies.map((proxy) => titles.get(proxy) ?? proxy)])
    text += row(['---', ...proxies.map(() => '---')])
    for (const duty of duties) {
      const cells = proxies.map((proxy) => results.get(duty)?.get(proxy) ?? MET)
      text += row([duty.says, ...cells.map(escapeCell)])
    }
    text += '\n'
  }
  return `${text}Met: ${sums(outcome).join(', ')}.\n`
}

export function renderJson({ chapters, proxies, titles, results }: Outcome): string {
  const duties = chapters.flatMap(({ title, duties: members }) =>
    members.map((duty) => ({
      name: duty.name,
      chapter: title,
      duty: duty.says,
      faults: Object.fromEntries(proxies.map((proxy) => [proxy, results.get(duty)?.get(proxy) ?? null])),
    })),
  )
  return `${JSON.stringify({ proxies: proxies.map((proxy) => titles.get(proxy)), duties }, null, 2)}\n`
}

function sums({ chapters, proxies, results }: Outcome): string[] {
  const duties = chapters.flatMap(({ duties: members }) => members)
  return proxies.map((proxy) => {
    const met = duties.filter((duty) => results.get(duty)?.get(proxy) === undefined).length
    return `${proxy} ${met} of ${duties.length}`
  })
}

/** A cell of Markdown: what a proxy said must not become markup. */
function escapeCell(text: string): string {
  return text.replaceAll(/[|\\`*_<>[\]]/g, '\\$&')
}
