import type { Grounds } from './grounds.ts'
import type { Contestant } from './servers/server.ts'

/** What a figure is of; lower is better for all of them. */
export type Measure = {
  readonly name: string
  readonly unit: 'µs' | 'ms' | 'KB' | 'MB' | 'MB/h' | '/h' | 'requests' | '%' | ''
}

/** One figure, and what went with it. */
export type Sample = {
  /** In the unit of its measure. */
  readonly figure: number
  /** When it was taken, µs of the monotonic clock. */
  readonly during?: { readonly fromMicros: number; readonly toMicros: number }
  /** Context, never compared between runs. */
  readonly context?: {
    /** Share of the time that the server kept its core busy, and share that other programs of the machine did. */
    readonly busy: number
    readonly others: number
    readonly perSecond: number
    readonly p50Ms: number
    readonly p99Ms: number
    readonly peakMb: number
  }
}

/** A core that was less busy than this could have done more: the load was the limit. */
export const SATURATED = 0.8

/** Did the server have as much to do as it could? Figures without a load have nothing to saturate. */
export function isSaturated({ context }: Sample): boolean {
  return context === undefined || context.busy + context.others >= SATURATED
}

/** What a scenario works with. */
export type Lab = {
  readonly quick: boolean
  /** How often the contestants take turns. */
  readonly rounds: number
  /** How long a turn lasts, and the warm-up before the first. */
  readonly seconds: number
  readonly warmupSeconds: number
  readonly signal: AbortSignal
  /** Who takes part, of those that a scenario compares. */
  readonly contestants: readonly Contestant[]
  /** Variables for all servers. */
  readonly environment: Readonly<Record<string, string>>
  readonly cores: { readonly server: string; readonly load: string; readonly upstream: string }
  /** Files, hosts and certificates, made once for a run. */
  grounds(): Promise<Grounds>
  record(contestant: Contestant, measure: Measure, sample: Sample): void
  /** Says something beside the figures. */
  note(line: string): void
  /** Forgets the samples of a load that turned out to be too weak. */
  restart(tool: string): void
  progress(text: string): void
}

/** One question about speed or size, answered by numbers that anybody can reproduce. */
export type Scenario = {
  readonly name: string
  readonly question: string
  /** Rejects when an answer is wrong or a load met errors. */
  run(lab: Lab): Promise<void>
}
