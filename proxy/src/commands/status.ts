import { styleText } from 'node:util'
import type { StatusReport } from '../admin/contracts.ts'
import { AdminUnavailable } from '../errors.ts'
import { askAdmin, locateAdmin } from './ask-admin.ts'
import { environmentOption, type Command } from './command.ts'
import { alignColumns, formatDuration } from './print.ts'

export const status: Command = {
  name: 'status',
  summary: 'what a running edge is doing: its processes, ports and upstreams',
  usage: '[--environment FILE] [--json]',
  help: `Asks the admin API at EDGE_ADMIN, with EDGE_ADMIN_TOKEN when that is set.

  --json           the answer as it is`,
  options: { json: { type: 'boolean' }, ...environmentOption },
  async run(context) {
    const text = await askAdmin(await locateAdmin(context), { path: '/status' })
    const report = parseReport(text)
    if (report === undefined) throw new AdminUnavailable('EDGE_ADMIN', 'what answers there is no blot-edge')
    context.stdout.write(context.values['json'] === true ? `${text.trim()}\n` : render(report, context.stdout))
    return 0
  },
}

/** @returns undefined for the answer of another program. */
function parseReport(text: string): StatusReport | undefined {
  try {
    const report = JSON.parse(text) as Partial<StatusReport> | null
    const lists = [report?.processes, report?.listeners, report?.upstreams]
    return lists.every(Array.isArray) ? (report as StatusReport) : undefined
  } catch {
    return undefined
  }
}

function render(report: StatusReport, stream: NodeJS.WriteStream): string {
  const { version, state, uptimeMs, host, processes, listeners, upstreams, degraded = [], maintenance, reload } = report
  const heading = (...names: string[]): string[] => names.map((name) => styleText('dim', name, { stream }))
  const processRows = processes.map((process) => [
    process.id,
    process.role,
    String(process.pid),
    process.state,
    formatDuration(Date.now() - Date.parse(process.startedAt)),
    String(process.connections),
    String(process.requests),
    `${Math.round(process.rssBytes / 1024 ** 2)} MB`,
  ])
  return [
    `blot-edge ${version} for ${host}: ${styleText('bold', state, { stream })}, up ${formatDuration(uptimeMs)}\n`,
    alignColumns([
      heading('process', 'role', 'pid', 'state', 'up', 'connections', 'requests', 'memory'),
      ...processRows,
    ]),
    alignColumns([
      heading('listener', 'address', 'port'),
      ...listeners.map(({ name, address, port }) => [name, address, String(port)]),
    ]),
    alignColumns([
      heading('upstream', '', 'state', 'active', ''),
      ...upstreams.map(({ url, backup, state: how, active, error = '' }) => {
        return [url, backup ? 'backup' : '', how, String(active), error]
      }),
    ]),
    ...(maintenance?.on
      ? [`${styleText('yellow', 'in maintenance', { stream })}, by ${maintenance.by.join(' and ')}\n`]
      : []),
    ...(reload?.state === 'failed'
      ? [
          `${styleText('yellow', 'the last reload failed', { stream })}: ${reload.error.replaceAll(/\s*\n\s*/g, '; ')}\n`,
        ]
      : []),
    ...degraded.map((sentence) => `${styleText('yellow', 'degraded', { stream })}: ${sentence}\n`),
  ].join('\n')
}
