/** What a scenario measures: named samples, each with its unit. */
export type Report = { sample(name: string, value: number, unit: 'ms' | 'MB' | 'bytes' | '1/s' | 'count'): void }

/** One question about speed or size, answered by numbers that anybody can reproduce. */
export type Scenario = {
  readonly name: string
  readonly question: string
  run(report: Report): Promise<void>
}
