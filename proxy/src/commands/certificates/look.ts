import { collect } from '../../collect.ts'
import { UsageInvalid } from '../../errors.ts'
import type { Subcommand } from './subcommand.ts'
import { renderList, renderStatus } from './views.ts'

export const list: Subcommand = {
  name: 'list',
  options: ['state', 'search'],
  words: { least: 0, most: 0 },
  async run({ context, json, desk }) {
    const { state = '', search = '' } = context.values
    const statuses = (await desk()).list({ states: String(state).split(',').filter(Boolean), search: String(search) })
    if (json) {
      for await (const status of statuses) context.stdout.write(`${JSON.stringify(status)}\n`)
      return 0
    }
    const all = await collect(statuses)
    const sorted = all.toSorted((one, other) => (one.name < other.name ? -1 : 1))
    context.stdout.write(renderList(sorted, context.stdout))
    return 0
  },
}

export const show: Subcommand = {
  name: 'show',
  options: [],
  words: { least: 1, most: 1 },
  async run({ context, words: [name = ''], json, desk }) {
    const status = await (await desk()).show(name)
    context.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : renderStatus(status, context.stdout))
    return 0
  },
}

/** Checks the value of an option that is a number. */
export function readNumber(option: string, text: unknown, most: number): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0 && value <= most) return value
  throw new UsageInvalid(`--${option} is a number up to ${most}, not ${String(text)}`)
}
