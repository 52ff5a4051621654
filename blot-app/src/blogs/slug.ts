const longestSlug = /^.{0,80}/su

/** Words in lower case joined by dashes, letters of any script: `Crème brûlée!` becomes `crème-brûlée`. */
export function slugOf(text: string): string {
  const words = text
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/['’]/g, '')
    .match(/[\p{L}\p{M}\p{N}]+/gu)
  const slug = (words ?? []).join('-')
  return (longestSlug.exec(slug)?.[0] ?? '').replace(/-+$/, '')
}

/** A percent-encoded URL path of decoded segments. */
export function targetOf(segments: readonly string[]): string {
  return `/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`
}
