import { styleText } from 'node:util'
import { alignColumns, printable } from '../print.ts'
import type { Diagnosis } from './diagnosis.ts'

/** The examinations of one area. */
export type Area = { readonly area: string; readonly diagnoses: readonly Diagnosis[] }

/** What `--json` prints of one. */
export type Row = Omit<Diagnosis, 'fix'> & { readonly area: string; readonly fixable: boolean }

export function rowsOf(areas: readonly Area[]): Row[] {
  return areas.flatMap(({ area, diagnoses }) =>
    diagnoses.map(({ fix, ...diagnosis }) => ({ area, ...diagnosis, fixable: fix !== undefined })),
  )
}

const MARKS = { ok: ['green', 'ok'], warn: ['yellow', 'warn'], fail: ['red', 'fail'] } as const

/** By area; beneath each trouble, why it matters and what mends it. */
export function renderReport(areas: readonly Area[], stream: NodeJS.WriteStream): string {
  const shown = areas.filter(({ diagnoses }) => diagnoses.length > 0)
  return shown.map(({ area, diagnoses }) => `${area}\n${renderArea(diagnoses, stream)}`).join('')
}

function renderArea(diagnoses: readonly Diagnosis[], stream: NodeJS.WriteStream): string {
  const lines = alignColumns(
    diagnoses.map(({ state, subject, message }) => {
      const [color, word] = MARKS[state]
      return [styleText(color, word, { stream }), printable(subject), printable(message)]
    }),
  ).split('\n')
  return diagnoses.map((diagnosis, i) => `${lines[i]}\n${renderTrouble(diagnosis, stream)}`).join('')
}

function renderTrouble({ state, why, mend }: Diagnosis, stream: NodeJS.WriteStream): string {
  if (state === 'ok') return ''
  const reason = why === undefined ? '' : `        ${styleText('dim', why, { stream })}\n`
  return mend === undefined ? reason : `${reason}        ${printable(mend)}\n`
}

/** `2 fail, 1 warn, 34 ok` */
export function renderSummary(areas: readonly Area[]): string {
  const all = areas.flatMap(({ diagnoses }) => diagnoses)
  const count = (state: Diagnosis['state']): number => all.filter((diagnosis) => diagnosis.state === state).length
  return `${count('fail')} fail, ${count('warn')} warn, ${count('ok')} ok`
}
