const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = String.raw`(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})`
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day'

/**
 * The three forms of RFC 9110 5.6.7: IMF-fixdate, and the obsolete ones of RFC 850 and of C's asctime. In any case of letters,
 * as a cache has to read them (RFC 9111 4.2).
 */
const FORMS = [
  new RegExp(String.raw`^${DAY}, (?<day>\d{2}) ${MONTH} (?<year>\d{4}) ${TIME} GMT$`, 'i'),
  new RegExp(String.raw`^${LONG_DAY}, (?<day>\d{2})-${MONTH}-(?<year>\d{2}) ${TIME} GMT$`, 'i'),
  new RegExp(String.raw`^${DAY} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`, 'i'),
]

/**
 * Parses an HTTP-date. `Date.parse` would accept much more, and read an asctime date as local time.
 * @returns ms since the epoch; undefined for what is no HTTP-date.
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  for (const form of FORMS) {
    const fields = form.exec(text)?.groups
    if (fields !== undefined) return toMs(fields, nowMs)
  }
  return undefined
}

function toMs(fields: Record<string, string>, nowMs: number): number | undefined {
  const number = (name: string): number => Number(fields[name])
  const day = number('day')
  const year = fields['year']?.length === 2 ? fullYear(number('year'), nowMs) : number('year')
  // 60 is a leap second.
  if (number('hour') > 23 || number('minute') > 59 || number('second') > 60) return undefined
  const month = MONTHS.indexOf(fields['month']?.toLowerCase() ?? '')
  const midnight = new Date(0)
  midnight.setUTCFullYear(year, month, day)
  if (midnight.getUTCMonth() !== month || midnight.getUTCDate() !== day) return undefined
  return midnight.getTime() + ((number('hour') * 60 + number('minute')) * 60 + number('second')) * 1000
}

/** A two-digit year more than 50 years ahead means the past (RFC 9110 5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}
