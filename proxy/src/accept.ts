/** How much an `Accept` field wants a media type (RFC 9110 12.5.1). */
export type Want = {
  /** 0 to 1; 0: not at all. */
  readonly quality: number
  /** 2 where the type itself is named, 1 for `text/*`, 0 for anything. */
  readonly exactness: number
  /** Where in the field it is named. */
  readonly position: number
}

/** More ranges than a browser ever sends; what comes after them is not read. */
const MAX_RANGES = 32

type Range = { readonly type: string; readonly quality: number }

/** @returns how much each media type is wanted; undefined for one that the field says nothing of. */
export function readAccept(accept: string): (type: string) => Want | undefined {
  const ranges = accept.split(',', MAX_RANGES).map(parseRange)
  return (type) => {
    // The most exact range decides about a type, whatever the quality of wider ones.
    const wanted = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
    for (const [i, name] of wanted.entries()) {
      const position = ranges.findIndex((range) => range.type === name)
      if (position !== -1) return { quality: ranges[position]?.quality ?? 0, exactness: 2 - i, position }
    }
    return undefined
  }
}

/** By quality, then by how exactly it is named, then by which is named first. */
export function isWantedMore(one: Want, other: Want): boolean {
  if (one.quality !== other.quality) return one.quality > other.quality
  if (one.exactness !== other.exactness) return one.exactness > other.exactness
  return one.position < other.position
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';')
  const weight = parameters.map((parameter) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1]).find(Boolean)
  const quality = weight === undefined ? 1 : Math.min(Number(weight), 1)
  return { type: type.trim().toLowerCase(), quality: Number.isNaN(quality) ? 0 : quality }
}
