import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nearest } from '../src/nearest.ts'
import { playCaches } from './cache/main.ts'
import { writeBetweenMarks } from './document.ts'
import { CHAPTERS } from './duties/index.ts'
import type { Chapter } from './duty.ts'
import { installMissing } from './install.ts'
import { PROXIES } from './proxies/proxy.ts'
import { renderJson, renderMarkdown, renderTerminal } from './table.ts'
import { runTrial } from './trial.ts'
import { withVersion } from './versions.ts'

/** `npm run conformance`: the duties of docs/proxying.md, played on the edge and its peers. */

const DOCUMENT = join(import.meta.dirname, '../../docs/proxying.md')

if (process.argv[2] === 'cache') process.exit(await playCaches(process.argv.slice(3)))
const { values, positionals } = readArguments()
if (values.help === true) {
  process.stdout.write(help())
  process.exit(0)
}
const proxies = values.proxy === undefined ? PROXIES : values.proxy.map((name) => known(name, PROXIES))
const chapters = select(positionals)
const whole = positionals.length === 0 && proxies.length === PROXIES.length
if (values.write === true && !whole) refuse('--write writes the whole table: name no duty and no proxy')
const mend = installMissing(proxies)
if (mend !== undefined) {
  process.stderr.write(`A proxy to compare with is not installed. As root: ${mend}\n`)
  process.exit(1)
}

const duties = chapters.flatMap((chapter) => chapter.duties)
const results = await runTrial(duties, proxies)
const titles = new Map(proxies.map((name) => [name, withVersion(name)]))
const outcome = { chapters, proxies, titles, results }
process.stdout.write(values.json === true ? renderJson(outcome) : renderTerminal(outcome, process.stdout))
if (values.write === true) await writeBetweenMarks(DOCUMENT, renderMarkdown(outcome))
const isMet = duties.every((duty) => results.get(duty)?.get('edge') === undefined)
process.exit(isMet ? 0 : 1)

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        proxy: { type: 'string', multiple: true },
        write: { type: 'boolean' },
      },
    })
  } catch (error) {
    return refuse((error as Error).message)
  }
}

/** The duties that were named, in their chapters; all of them when none was. */
function select(names: readonly string[]): Chapter[] {
  const all = CHAPTERS.flatMap((chapter) => chapter.duties.map(({ name }) => name))
  const wanted = new Set(names.map((name) => known(name, all)))
  return CHAPTERS.map(({ title, duties: members }) => ({
    title,
    duties: members.filter(({ name }) => wanted.size === 0 || wanted.has(name)),
  })).filter((chapter) => chapter.duties.length > 0)
}

function known<Name extends string>(name: string, names: readonly Name[]): Name {
  return (
    names.find((candidate) => candidate === name) ?? refuse(`unknown ${name}: did you mean ${nearest(name, names)}?`)
  )
}

function refuse(message: string): never {
  process.stderr.write(`${message}\nnpm run conformance -- --help\n`)
  process.exit(2)
}

function help(): string {
  const list = CHAPTERS.map(
    ({ title, duties: members }) =>
      `\n${title}\n${members.map(({ name, says }) => `  ${name.padEnd(24)} ${says}\n`).join('')}`,
  )
  return `npm run conformance [-- [OPTION]… [DUTY]…]

Plays the duties of a proxy on the edge and, side by side, on ${PROXIES.slice(1).join(', ')}; exit code 1 when the edge
does not meet one. All duties by default.

  --proxy NAME   only this one (${PROXIES.join(', ')}); may be repeated
  --json         for programs
  --write        updates the table in docs/proxying.md
  -h, --help     this text

npm run conformance -- cache: the public suite for HTTP caches; see its --help
${list.join('')}`
}
