/** Content codings (RFC 9110 8.4.1) of files that lie compressed beside their original. */
export type Coding = 'br' | 'zstd' | 'gzip'

/** The suffix of a compressed copy's name; the order is our preference where the visitor has none. */
export type CopySuffixes = readonly (readonly [Coding, string])[]

export const NEIGHBOUR_SUFFIXES: CopySuffixes = [
  ['br', '.br'],
  ['zstd', '.zst'],
  ['gzip', '.gz'],
]

/** Characters. Reading a longer list would keep others waiting: whoever sends it gets the original. */
const MAX_ACCEPT = 1024

/**
 * Chooses among what is there (RFC 9110 12.5.3), best quality first.
 * @param available in our order of preference.
 * @returns undefined for the original: it is preferred, or nothing else is acceptable.
 */
export function chooseCoding(accept: string | undefined, available: readonly Coding[]): Coding | undefined {
  if (accept === undefined || available.length === 0 || accept.length > MAX_ACCEPT) return undefined
  const qualities = parseAccept(accept)
  // Without a word about `identity` any acceptable coding is better; `*` does not speak for it here.
  let best = qualities.get('identity') ?? 0
  let chosen: Coding | undefined
  for (const coding of available) {
    const quality = qualities.get(coding) ?? qualities.get('*') ?? 0
    if (quality > best || (quality === best && quality > 0 && chosen === undefined)) {
      best = quality
      chosen = coding
    }
  }
  return chosen
}

function parseAccept(accept: string): Map<string, number> {
  const qualities = new Map<string, number>()
  for (const item of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';')
    const coding = name.trim()
    // RFC 9110 8.4.1.3: x-gzip is gzip.
    if (coding !== '') qualities.set(coding === 'x-gzip' ? 'gzip' : coding, qualityOf(parameters))
  }
  return qualities
}

/** 0 to 1 (RFC 9110 12.4.2); a malformed weight counts as "not acceptable": the original is always understood. */
function qualityOf(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.trim().startsWith('q='))
  if (weight === undefined) return 1
  const digits = weight.trim().slice(2)
  return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(digits) ? Number(digits) : 0
}
