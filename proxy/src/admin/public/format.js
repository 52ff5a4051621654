const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `999 B`, `12.3 kB`: decimal, as disks and networks are sold. */
export function bytes(number) {
  let value = number
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

export function count(number) {
  return Math.round(number).toLocaleString('en')
}

/** Requests a second: one decimal while it says something. */
export function rate(number) {
  return number < 10 ? number.toFixed(1) : count(number)
}

export function percent(part, whole) {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(part === whole ? 0 : 1)} %`
}

/** `0.5 ms`, `25 ms`, `2.5 s`. */
export function milliseconds(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`
}

/** `3 d 4 h`, `2 h 5 min`, `12 s`. */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`
  if (hours >= 1) return `${hours} h ${minutes % 60} min`
  return minutes >= 1 ? `${minutes} min` : `${seconds} s`
}
