import type { Measure } from '../../bench/scenario.ts'
import type { Results, Row, ScenarioResult } from '../../bench/report/results.ts'

export const CPU: Measure = { name: 'CPU per request', unit: 'µs' }

export function row(contestant: Row['contestant'], figures: readonly number[], measure = CPU): Row {
  return { contestant, measure, samples: figures.map((figure) => ({ figure })) }
}

export function scenario(name: string, rows: Row[], failure?: string): ScenarioResult {
  return { name, question: `What of ${name}?`, tool: 'h2load', failure, rows }
}

export function results(scenarios: ScenarioResult[], startedAt = '2026-01-02T03:04:05.678Z'): Results {
  return {
    startedAt,
    mode: 'full',
    rounds: 3,
    seconds: 1,
    machine: { cpu: 'a <cpu>', cores: 2, memoryGb: 1, system: 'Linux' },
    versions: { nginx: '1.22', caddy: '2.6', node: '26' },
    commit: 'abcdef0',
    scenarios,
  }
}
