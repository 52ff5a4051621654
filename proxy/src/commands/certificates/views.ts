import { styleText } from 'node:util'
import type { CertificateStatus } from '../../certificates/contracts.ts'
import { alignColumns, printable } from '../print.ts'

type Color = Parameters<typeof styleText>[0]

const COLORS: Readonly<Record<CertificateStatus['state'], Color>> = {
  active: 'green',
  issuing: 'cyan',
  waiting: 'yellow',
  limited: 'yellow',
  blocked: 'red',
  expired: 'red',
  denied: 'red',
  absent: 'dim',
}

export function renderList(statuses: readonly CertificateStatus[], stream: NodeJS.WriteStream): string {
  if (statuses.length === 0) return 'No certificates.\n'
  const heading = ['name', 'state', 'words'].map((text) => styleText('dim', text, { stream }))
  const rows = statuses.map(({ name, state, words }) => [
    name,
    styleText(COLORS[state], state, { stream }),
    printable(words),
  ])
  return alignColumns([heading, ...rows])
}

/** What a customer's support can forward as it is. */
export function renderStatus(status: CertificateStatus, stream: NodeJS.WriteStream): string {
  const { name, state, words, failure } = status
  const rows = [
    ['issued by', status.issuer ?? (status.serial === undefined ? undefined : 'another program')],
    ['covers', status.names.join(', ')],
    ['valid from', day(status.notBeforeMs)],
    ['valid until', day(status.notAfterMs)],
    ['renewal', day(status.renewAtMs)],
    ['key', status.keyType],
    ['serial', status.serial],
    ['last failure', failure && `${day(failure.atMs)}: ${failure.detail} (${failure.kind ?? failure.code})`],
    ['failed', failure && `${failure.count} ${failure.count === 1 ? 'time' : 'times'} in a row`],
    ['next try', failure && day(failure.nextTryAtMs)],
  ].flatMap(([label = '', value]) => (value ? [[styleText('dim', label, { stream }), printable(value)]] : []))
  const title = `${styleText('bold', name, { stream })}: ${styleText(COLORS[state], printable(words), { stream })}\n`
  return title + alignColumns(rows)
}

/** `2027-02-21 14:03 UTC`. */
function day(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
