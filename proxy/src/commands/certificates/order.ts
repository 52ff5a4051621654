import { styleText } from 'node:util'
import { UsageInvalid } from '../../errors.ts'
import { printable } from '../print.ts'
import { readNumber } from './look.ts'
import type { Subcommand, Work } from './subcommand.ts'
import { renderStatus } from './views.ts'

const PER_MINUTE = 20
const MOST_PER_MINUTE = 600

/** The reasons of RFC 5280 5.3.1 that a CA takes. */
const REASONS: Readonly<Record<string, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
}

export const issue: Subcommand = {
  name: 'issue',
  options: [],
  words: { least: 1, most: 1 },
  run: (work) => obtain(work, false),
}

export const renew: Subcommand = {
  name: 'renew',
  options: ['all', 'issuer', 'per-minute'],
  words: { least: 0, most: 1 },
  async run(work) {
    const { values } = work.context
    if ((values['all'] === true) !== (work.words.length === 0)) {
      throw new UsageInvalid('name one to renew, or give --all: see blot-edge certificates --help')
    }
    return values['all'] === true ? renewAll(work) : obtain(work, true)
  },
}

export const revoke: Subcommand = {
  name: 'revoke',
  options: ['reason'],
  words: { least: 1, most: 1 },
  async run({ context, words: [name = ''], desk }) {
    const word = String(context.values['reason'] ?? 'unspecified')
    const reason = REASONS[word]
    if (reason === undefined) throw new UsageInvalid(`--reason is one of ${Object.keys(REASONS).join(', ')}`)
    await (await desk()).revoke(name, reason)
    context.stdout.write(`${name}: revoked at its CA and removed here; the next visitor has a new one obtained\n`)
    return 0
  },
}

export const remove: Subcommand = {
  name: 'remove',
  options: [],
  words: { least: 1, most: 1 },
  async run({ context, words: [name = ''], desk }) {
    await (await desk()).remove(name)
    context.stdout.write(`${name}: removed\n`)
    return 0
  },
}

async function obtain({ context, words: [name = ''], json, desk }: Work, isRenewal: boolean): Promise<number> {
  const status = await (await desk()).issue(name, { renew: isRenewal })
  context.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : renderStatus(status, context.stdout))
  return status.state === 'active' ? 0 : 1
}

/** A line a name as it ends. Ctrl-C stops behind the orders that are under way. */
async function renewAll({ context, json, desk, signal }: Work): Promise<number> {
  const { stdout, values } = context
  const perMinute = readNumber('per-minute', values['per-minute'] ?? PER_MINUTE, MOST_PER_MINUTE)
  const issuer = values['issuer']
  const steps = (await desk()).renewAll({ perMinute, ...(issuer !== undefined && { issuer: String(issuer) }) })
  let failed = 0
  let done = 0
  try {
    for await (const step of steps) {
      done += 1
      if (step.outcome === 'failed') failed += 1
      const color = { renewed: 'green', denied: 'dim', failed: 'red' } as const
      const outcome = styleText(color[step.outcome], step.outcome, { stream: stdout })
      const reason = step.reason === undefined ? '' : `: ${printable(step.reason)}`
      stdout.write(
        json ? `${JSON.stringify(step)}\n` : `${step.done} of ${step.total}  ${step.name}  ${outcome}${reason}\n`,
      )
    }
  } catch (error) {
    if (!signal.aborted) throw error
    context.stderr.write(`blot-edge: stopped after ${done}; what was renewed stays\n`)
    return 1
  }
  return failed === 0 ? 0 : 1
}
