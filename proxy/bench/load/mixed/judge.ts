import type { Incident } from './outcomes.ts'
import type { Report } from './tally.ts'

/** Whose failures are to be expected of what was done, and whose are not. */

/** From when something was told to end until it had ended, ms since the epoch. */
export type Moment = { readonly fromMs: number; readonly toMs: number }

/** How far two processes' looks at the same clock, and an event loop that is late, may be apart. */
const SLACK_MS = 250

/** Was it under way at one of these moments? What began later had nothing to do with it. */
export function wasUnderWay({ beganMs, endedMs }: Incident, moments: readonly Moment[]): boolean {
  return moments.some(({ fromMs, toMs }) => beganMs <= toMs + SLACK_MS && endedMs >= fromMs - SLACK_MS)
}

/** All that went wrong or put visitors out, except for what is allowed. @throws when there are more than the report holds. */
export function unexpected(report: Report, isAllowed: (incident: Incident) => boolean): readonly Incident[] {
  if (report.omitted > 0) throw new Error(`${report.omitted} more than can be looked at: far too many`)
  return report.incidents.filter((incident) => !isAllowed(incident))
}
